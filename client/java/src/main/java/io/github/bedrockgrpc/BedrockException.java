package io.github.bedrockgrpc;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.QuotaFailure;
import com.google.rpc.RequestInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A call failed. Every failure of a unary call and of a stream is one of these. */
public final class BedrockException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private static final Metadata.Key<String> PUSHBACK = ConverseResult.key("grpc-retry-pushback-ms");

  private final Status.Code code;
  private String reason;
  private transient Map<String, String> metadata = Map.of();
  private boolean retryable;
  private Duration retryDelay;
  private String requestId;
  private transient List<BadRequest.FieldViolation> fieldViolations = List.of();
  private transient List<QuotaFailure.Violation> quotaViolations = List.of();

  private BedrockException(Status status, Metadata trailers, Throwable cause) {
    super(status.getDescription(), cause);
    code = status.getCode();
    if (trailers != null) {
      requestId = trailers.get(ConverseResult.REQUEST_ID);
    }
    com.google.rpc.Status details = trailers == null ? null : StatusProto.fromStatusAndTrailers(status, trailers);
    if (details != null) {
      details.getDetailsList().forEach(this::apply);
    }
    applyPushback(trailers == null ? null : trailers.get(PUSHBACK));
  }

  /** The error of a call of the generated stubs. */
  public static BedrockException from(Throwable error) {
    if (error instanceof BedrockException known) {
      return known;
    }
    Metadata trailers = null;
    if (error instanceof StatusRuntimeException runtime) {
      trailers = runtime.getTrailers();
    } else if (error instanceof StatusException checked) {
      trailers = checked.getTrailers();
    }
    return new BedrockException(Status.fromThrowable(error), trailers, error);
  }

  /** The gRPC status code. */
  public Status.Code code() {
    return code;
  }

  /**
   * {@code ErrorInfo.reason}, a name of {@code bedrock.errors.v1.ErrorReason}, as {@code THROTTLING}. Empty if the failure is
   * the client's own.
   */
  public Optional<String> reason() {
    return Optional.ofNullable(reason);
  }

  /** {@code ErrorInfo.metadata}: phase, attempts, operation, model_id, region and more. */
  public Map<String, String> metadata() {
    return metadata;
  }

  /** Whether the same call may succeed later. */
  public boolean retryable() {
    return retryable;
  }

  /** How long to wait before the same call is sent again. Empty if a retry cannot help or no delay is known. */
  public Optional<Duration> retryDelay() {
    return Optional.ofNullable(retryDelay);
  }

  /** Bedrock's id of the request, which AWS support needs. */
  public Optional<String> requestId() {
    return Optional.ofNullable(requestId).filter(id -> !id.isEmpty());
  }

  /** The fields of the request that are wrong, by their JSON names. */
  public List<BadRequest.FieldViolation> fieldViolations() {
    return fieldViolations;
  }

  /** The limits that the call exceeded. */
  public List<QuotaFailure.Violation> quotaViolations() {
    return quotaViolations;
  }

  @Override
  public String toString() {
    return code + (reason == null ? "" : " " + reason) + ": " + getMessage();
  }

  /** A broken connection has no trailers, so the request id comes from the headers. */
  BedrockException withHeaders(Metadata headers) {
    if (requestId == null && headers != null) {
      requestId = headers.get(ConverseResult.REQUEST_ID);
    }
    return this;
  }

  private void apply(Any detail) {
    try {
      if (detail.is(ErrorInfo.class)) {
        ErrorInfo info = detail.unpack(ErrorInfo.class);
        reason = info.getReason();
        metadata = info.getMetadataMap();
        retryable = "true".equals(metadata.get("retryable"));
      } else if (detail.is(RetryInfo.class)) {
        var delay = detail.unpack(RetryInfo.class).getRetryDelay();
        retryDelay = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
      } else if (detail.is(RequestInfo.class)) {
        String id = detail.unpack(RequestInfo.class).getRequestId();
        requestId = id.isEmpty() ? requestId : id;
      } else if (detail.is(BadRequest.class)) {
        fieldViolations = detail.unpack(BadRequest.class).getFieldViolationsList();
      } else if (detail.is(QuotaFailure.class)) {
        quotaViolations = detail.unpack(QuotaFailure.class).getViolationsList();
      }
    } catch (InvalidProtocolBufferException e) {
      addSuppressed(e);
    }
  }

  /**
   * A negative or malformed pushback forbids a retry.
   *
   * @see <a href="https://github.com/grpc/proposal/blob/master/A6-client-retries.md">gRFC A6</a>
   */
  private void applyPushback(String pushback) {
    if (pushback == null) {
      if (reason == null) {
        retryable = code == Status.Code.UNAVAILABLE;
      }
    } else if (!pushback.matches("\\d{1,15}")) {
      retryable = false;
      retryDelay = null;
    } else if (retryDelay == null) {
      retryDelay = Duration.ofMillis(Long.parseLong(pushback));
    }
  }
}
