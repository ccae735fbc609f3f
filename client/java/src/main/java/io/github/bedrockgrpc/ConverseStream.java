package io.github.bedrockgrpc;

import io.github.bedrockgrpc.runtime.v1.BedrockRuntimeServiceGrpc.BedrockRuntimeServiceBlockingStub;
import io.github.bedrockgrpc.runtime.v1.ConverseStreamRequest;
import io.github.bedrockgrpc.runtime.v1.ConverseStreamResponse;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.util.Iterator;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/** The events of a response, in order. Closing it cancels the call, and so the generation. Iterate it once. */
public final class ConverseStream implements Iterator<ConverseStreamResponse>, AutoCloseable {
  private final Context.CancellableContext context;
  private final AtomicReference<Metadata> headers;
  private final Iterator<ConverseStreamResponse> events;
  private final Collector collector = new Collector();

  private ConverseStream(
      Context.CancellableContext context,
      AtomicReference<Metadata> headers,
      Iterator<ConverseStreamResponse> events) {
    this.context = context;
    this.headers = headers;
    this.events = events;
  }

  static ConverseStream open(BedrockRuntimeServiceBlockingStub stub, ConverseStreamRequest request) {
    var context = Context.current().withCancellation();
    var headers = new AtomicReference<Metadata>();
    var capture = MetadataUtils.newCaptureMetadataInterceptor(headers, new AtomicReference<>());
    Context previous = context.attach();
    try {
      return new ConverseStream(context, headers, stub.withInterceptors(capture).converseStream(request));
    } finally {
      context.detach(previous);
    }
  }

  /** Whether there is another event. Throws {@link BedrockException} if the call fails. */
  @Override
  public boolean hasNext() {
    try {
      return events.hasNext();
    } catch (StatusRuntimeException e) {
      throw BedrockException.from(e).withHeaders(headers.get());
    }
  }

  /** The next event. Throws {@link BedrockException} if the call fails. */
  @Override
  public ConverseStreamResponse next() {
    try {
      ConverseStreamResponse event = events.next();
      collector.add(event);
      return event;
    } catch (StatusRuntimeException e) {
      throw BedrockException.from(e).withHeaders(headers.get());
    }
  }

  /** Reads the rest and passes on only the pieces of text, as they arrive. */
  public void forEachText(Consumer<String> consumer) {
    forEachRemaining(
        event -> {
          var delta = event.getContentBlockDelta().getDelta();
          if (delta.hasText()) {
            consumer.accept(delta.getText());
          }
        });
  }

  /** Reads the rest and returns the response that Converse would have sent. */
  public ConverseResult collect() {
    forEachRemaining(event -> {});
    if (!collector.isComplete()) {
      Status status = Status.UNAVAILABLE.withDescription("the stream ended before the model's stop reason");
      throw BedrockException.from(status.asRuntimeException()).withHeaders(headers.get());
    }
    return new ConverseResult(collector.response(), headers.get());
  }

  /** Ends the call. Has no effect after the last event. */
  @Override
  public void close() {
    context.cancel(null);
  }
}
