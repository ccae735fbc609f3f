package io.github.bedrockgrpc;

import com.fasterxml.jackson.core.type.TypeReference;
import com.google.protobuf.InvalidProtocolBufferException;
import io.github.bedrockgrpc.runtime.v1.BedrockRuntimeServiceGrpc;
import io.github.bedrockgrpc.runtime.v1.BedrockRuntimeServiceGrpc.BedrockRuntimeServiceBlockingStub;
import io.github.bedrockgrpc.runtime.v1.ConverseRequest;
import io.github.bedrockgrpc.runtime.v1.ConverseResponse;
import io.github.bedrockgrpc.runtime.v1.ConverseStreamRequest;
import io.github.bedrockgrpc.runtime.v1.StartAsyncInvokeRequest;
import io.github.bedrockgrpc.runtime.v1.StartAsyncInvokeResponse;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;

/** Calls a gateway over one channel. Safe to use from many threads. */
public final class BedrockClient implements AutoCloseable {
  /** The gateway's message limit in bytes. gRPC's default of 4 MiB is too small for responses with images. */
  public static final int MESSAGE_LIMIT = 32 * 1024 * 1024;

  // A dead connection is noticed within 50 s: a ping after 30 s of silence, and 20 s for its acknowledgement.
  private static final Duration KEEPALIVE_TIME = Duration.ofSeconds(30);
  private static final Duration KEEPALIVE_TIMEOUT = Duration.ofSeconds(20);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);

  private final ManagedChannel channel;
  private final BedrockRuntimeServiceBlockingStub stub;
  private final Duration timeout;

  private BedrockClient(ManagedChannel channel, Metadata metadata, Duration timeout) {
    this.channel = channel;
    this.timeout = timeout;
    stub =
        BedrockRuntimeServiceGrpc.newBlockingStub(channel)
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata));
  }

  /** A client with all defaults, in plaintext. It connects at the first call. */
  public static BedrockClient connect(String target) {
    return builder(target).build();
  }

  /** Settings for the gateway at {@code target} ({@code host:port}, or any gRPC target). */
  public static Builder builder(String target) {
    return new Builder(target);
  }

  /** The generated stub, for every operation. Pass its errors to {@link BedrockException#from}. */
  public BedrockRuntimeServiceBlockingStub stub() {
    return stub;
  }

  /** The channel, for other stubs and services. */
  public ManagedChannel channel() {
    return channel;
  }

  /**
   * Sends messages to a model and returns its complete response.
   *
   * @throws BedrockException if the call fails
   */
  public ConverseResult converse(ConverseRequest request) {
    var headers = new AtomicReference<Metadata>();
    var capture = MetadataUtils.newCaptureMetadataInterceptor(headers, new AtomicReference<>());
    try {
      ConverseResponse response = bounded(stub).withInterceptors(capture).converse(request);
      return new ConverseResult(response, headers.get());
    } catch (StatusRuntimeException e) {
      throw BedrockException.from(e).withHeaders(headers.get());
    }
  }

  /**
   * Sends messages to a model and streams its response. Takes the request of {@link #converse}, because both have equal
   * fields. Close the stream to stop the generation. A failure is thrown by the iteration.
   */
  public ConverseStream converseStream(ConverseRequest request) {
    return ConverseStream.open(bounded(stub), streamRequest(request));
  }

  /**
   * Starts a job whose result is written to S3. A request without a {@code client_request_token} gets one, so that a retry of
   * the gateway starts no second job.
   *
   * @throws BedrockException if the call fails
   */
  public StartAsyncInvokeResponse startAsyncInvoke(StartAsyncInvokeRequest request) {
    var builder = request.toBuilder();
    if (builder.getClientRequestToken().isEmpty()) {
      builder.setClientRequestToken(UUID.randomUUID().toString());
    }
    try {
      return bounded(stub).startAsyncInvoke(builder.build());
    } catch (StatusRuntimeException e) {
      throw BedrockException.from(e);
    }
  }

  /** Closes the channel. Running calls are cancelled after a few seconds. */
  @Override
  public void close() {
    channel.shutdown();
    try {
      if (!channel.awaitTermination(CLOSE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)) {
        channel.shutdownNow();
      }
    } catch (InterruptedException e) {
      channel.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }

  private BedrockRuntimeServiceBlockingStub bounded(BedrockRuntimeServiceBlockingStub stub) {
    return timeout == null ? stub : stub.withDeadlineAfter(timeout);
  }

  private static ConverseStreamRequest streamRequest(ConverseRequest request) {
    try {
      return ConverseStreamRequest.parseFrom(request.toByteString());
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("the schema gives both requests equal fields", e);
    }
  }

  /** Settings of a client. */
  public static final class Builder {
    private final String target;
    private final Metadata metadata = new Metadata();
    private ChannelCredentials credentials = InsecureChannelCredentials.create();
    private UnaryOperator<ManagedChannelBuilder<?>> customize = builder -> builder;
    private Duration timeout;

    private Builder(String target) {
      this.target = target;
    }

    /** Uses TLS and trusts the platform's root certificates. */
    public Builder tls() {
      return credentials(TlsChannelCredentials.create());
    }

    /** Uses these credentials: certificates of your own, or mTLS ({@link TlsChannelCredentials}). */
    public Builder credentials(ChannelCredentials credentials) {
      this.credentials = credentials;
      return this;
    }

    /** Sends {@code authorization: Bearer token} with each call. */
    public Builder token(String token) {
      return header("authorization", "Bearer " + token);
    }

    /** Sends {@code x-api-key} with each call. */
    public Builder apiKey(String key) {
      return header("x-api-key", key);
    }

    /** Sends a header with each call. */
    public Builder header(String name, String value) {
      metadata.put(ConverseResult.key(name), value);
      return this;
    }

    /** The deadline of each call, the last event of a stream included. Without it the shared service config's applies. */
    public Builder timeout(Duration timeout) {
      this.timeout = timeout;
      return this;
    }

    /** Changes the channel's settings. It is called after the defaults have been set. */
    public Builder channel(UnaryOperator<ManagedChannelBuilder<?>> customize) {
      this.customize = customize;
      return this;
    }

    /** The client. */
    public BedrockClient build() {
      ManagedChannelBuilder<?> builder =
          Grpc.newChannelBuilder(target, credentials)
              .defaultServiceConfig(serviceConfig())
              .enableRetry()
              .maxInboundMessageSize(MESSAGE_LIMIT)
              .keepAliveTime(KEEPALIVE_TIME.toSeconds(), TimeUnit.SECONDS)
              .keepAliveTimeout(KEEPALIVE_TIMEOUT.toSeconds(), TimeUnit.SECONDS)
              .userAgent("bedrock-grpc-java/" + version());
      return new BedrockClient(customize.apply(builder).build(), metadata, timeout);
    }
  }

  private static String version() {
    String version = BedrockClient.class.getPackage().getImplementationVersion();
    return version == null ? "0.2.0" : version;
  }

  /** The service config that all clients share. gRPC wants its numbers as doubles. */
  private static Map<String, Object> serviceConfig() {
    try (InputStream text = BedrockClient.class.getResourceAsStream("service-config.json")) {
      Map<String, Object> config = Json.MAPPER.readValue(text, new TypeReference<>() {});
      return withDoubles(config);
    } catch (IOException e) {
      throw new UncheckedIOException("service-config.json is not in the package", e);
    }
  }

  private static Map<String, Object> withDoubles(Map<String, Object> map) {
    var copy = new java.util.LinkedHashMap<String, Object>();
    map.forEach((key, value) -> copy.put(key, withDoubles(value)));
    return copy;
  }

  @SuppressWarnings("unchecked") // Jackson gives its maps string keys.
  private static Object withDoubles(Object value) {
    if (value instanceof Number number) {
      return number.doubleValue();
    }
    if (value instanceof Map<?, ?> map) {
      return withDoubles((Map<String, Object>) map);
    }
    if (value instanceof java.util.List<?> list) {
      return list.stream().map(BedrockClient::withDoubles).toList();
    }
    return value;
  }
}
