package bedrockgrpc

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	bedrockv1 "github.com/bedrock-grpc/bedrock-grpc/client/go/bedrock/runtime/v1"
)

// Converse sends messages to a model and returns its complete response. The context's deadline travels with the call.
// The error is an *Error.
func (c *Client) Converse(ctx context.Context, request *bedrockv1.ConverseRequest) (*Result, error) {
	var header, trailer metadata.MD
	response, err := c.runtime.Converse(ctx, request, grpc.Header(&header), grpc.Trailer(&trailer))
	if err != nil {
		return nil, FromError(err, trailer)
	}
	return &Result{Response: response, Header: header}, nil
}

// StartAsyncInvoke starts a job whose result is written to S3. A request without a ClientRequestToken gets one, so that a retry
// of the gateway starts no second job. The request itself is not changed. The error is an *Error.
func (c *Client) StartAsyncInvoke(
	ctx context.Context, request *bedrockv1.StartAsyncInvokeRequest,
) (*bedrockv1.StartAsyncInvokeResponse, error) {
	if request.GetClientRequestToken() == "" {
		request = proto.CloneOf(request)
		request.ClientRequestToken = proto.String(uuid.NewString())
	}
	var trailer metadata.MD
	response, err := c.runtime.StartAsyncInvoke(ctx, request, grpc.Trailer(&trailer))
	return response, FromError(err, trailer)
}

// Stream is the events of a response, in order.
type Stream struct {
	events    grpc.ServerStreamingClient[bedrockv1.ConverseStreamResponse]
	cancel    context.CancelFunc
	collector Collector
	err       error
}

// ConverseStream sends messages to a model and streams its response. It takes the request of Converse, because both have
// equal fields. Close the stream, or cancel the context, to stop the generation. A failure before the first event is the
// error of the first Recv.
func (c *Client) ConverseStream(ctx context.Context, request *bedrockv1.ConverseRequest) (*Stream, error) {
	message, err := streamRequest(request)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	events, err := c.runtime.ConverseStream(ctx, message)
	if err != nil {
		cancel()
		return nil, FromError(err, nil)
	}
	return &Stream{events: events, cancel: cancel}, nil
}

func streamRequest(request *bedrockv1.ConverseRequest) (*bedrockv1.ConverseStreamRequest, error) {
	bytes, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	message := new(bedrockv1.ConverseStreamRequest)
	return message, proto.Unmarshal(bytes, message)
}

// Recv returns the next event, and io.EOF after the last one. Any other error is an *Error.
func (s *Stream) Recv() (*bedrockv1.ConverseStreamResponse, error) {
	if s.err != nil {
		return nil, s.err
	}
	event, err := s.events.Recv()
	if err != nil {
		s.err = s.failure(err)
		s.cancel()
		return nil, s.err
	}
	s.collector.Add(event)
	return event, nil
}

// Text yields only the pieces of text, as they arrive. An error ends it.
func (s *Stream) Text() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for {
			event, err := s.Recv()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield("", err)
				return
			}
			text := event.GetContentBlockDelta().GetDelta().GetText()
			if text != "" && !yield(text, nil) {
				return
			}
		}
	}
}

// Collect reads the rest and returns the response that Converse would have sent.
func (s *Stream) Collect() (*Result, error) {
	for {
		if _, err := s.Recv(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	header, _ := s.events.Header()
	if !s.collector.Complete() {
		return nil, &Error{Code: codes.Unavailable, Message: "the stream ended before the model's stop reason",
			Retryable: true, RequestID: first(header, requestIDHeader)}
	}
	return &Result{Response: s.collector.Response(), Header: header}, nil
}

// Close ends the call, and so the generation. It has no effect after the last event.
func (s *Stream) Close() { s.cancel() }

func (s *Stream) failure(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	failed := FromError(err, s.events.Trailer())
	var e *Error
	if errors.As(failed, &e) && e.RequestID == "" {
		// A broken connection has no trailers. The request id is in the headers too.
		if header, headerErr := s.events.Header(); headerErr == nil {
			e.RequestID = first(header, requestIDHeader)
		}
	}
	return failed
}
