package bedrockgrpc

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Error is what every failed call returns. Use errors.As, or FromError for errors of the generated client.
type Error struct {
	// Code is the gRPC status code.
	Code codes.Code
	// Message says what happened and what to do, for people. Do not parse it.
	Message string
	// Reason is ErrorInfo.reason, a name of bedrock.errors.v1.ErrorReason, as THROTTLING. Empty if the failure is the
	// client's own.
	Reason string
	// Metadata is ErrorInfo.metadata: phase, attempts, operation, model_id, region and more.
	Metadata map[string]string
	// Retryable says whether the same call may succeed later.
	Retryable bool
	// RetryDelay is how long to wait before the same call is sent again; 0 if it is not known.
	RetryDelay time.Duration
	// RequestID is Bedrock's id of the request, which AWS support needs.
	RequestID string
	// FieldViolations are the fields of the request that are wrong, by their JSON names.
	FieldViolations []*errdetails.BadRequest_FieldViolation
	// QuotaViolations are the limits that the call exceeded.
	QuotaViolations []*errdetails.QuotaFailure_Violation

	cause error
}

// Error is the code, the reason and the message.
func (e *Error) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%s %s: %s", e.Code, e.Reason, e.Message)
}

// Unwrap is gRPC's own error.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus lets status.FromError and status.Code see the status.
func (e *Error) GRPCStatus() *status.Status {
	found, _ := status.FromError(e.cause)
	return found
}

// FromError reads an error of a call. trailer is the call's trailing metadata (grpc.Trailer), or nil. A nil error stays nil.
func FromError(err error, trailer metadata.MD) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	found := status.Convert(err)
	e := &Error{Code: found.Code(), Message: found.Message(), RequestID: first(trailer, requestIDHeader), cause: err}
	for _, detail := range found.Details() {
		e.apply(detail)
	}
	e.applyPushback(first(trailer, "grpc-retry-pushback-ms"))
	return e
}

func (e *Error) apply(detail any) {
	switch detail := detail.(type) {
	case *errdetails.ErrorInfo:
		e.Reason, e.Metadata = detail.GetReason(), detail.GetMetadata()
		e.Retryable = detail.GetMetadata()["retryable"] == "true"
	case *errdetails.RetryInfo:
		e.RetryDelay = detail.GetRetryDelay().AsDuration()
	case *errdetails.RequestInfo:
		if id := detail.GetRequestId(); id != "" {
			e.RequestID = id
		}
	case *errdetails.BadRequest:
		e.FieldViolations = detail.GetFieldViolations()
	case *errdetails.QuotaFailure:
		e.QuotaViolations = detail.GetViolations()
	}
}

// applyPushback applies the server's decision: a negative or malformed pushback forbids a retry.
// https://github.com/grpc/proposal/blob/master/A6-client-retries.md
func (e *Error) applyPushback(pushback string) {
	if pushback == "" {
		if e.Reason == "" {
			e.Retryable = e.Code == codes.Unavailable
		}
		return
	}
	milliseconds, err := strconv.Atoi(pushback)
	if err != nil || milliseconds < 0 {
		e.Retryable, e.RetryDelay = false, 0
	} else if e.RetryDelay == 0 {
		e.RetryDelay = time.Duration(milliseconds) * time.Millisecond
	}
}
