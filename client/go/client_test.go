package bedrockgrpc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"

	bedrockv1 "github.com/bedrock-grpc/bedrock-grpc/client/go/bedrock/runtime/v1"
)

const model = "demo.model"

// connect returns a client of the gateway that client/with-gateway started.
func connect(t *testing.T, options ...Option) *Client {
	t.Helper()
	target := os.Getenv("BEDROCK_GRPC_TARGET")
	if target == "" {
		t.Skip("run the tests with client/with-gateway, which starts a gateway")
	}
	client, err := Connect(target, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func bounded(t *testing.T, timeout time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}

func question(modelID, text string) *bedrockv1.ConverseRequest {
	return Request(modelID, User(Text(text)))
}

func failure(t *testing.T, err error) *Error {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) {
		t.Fatalf("want an *Error, got %v", err)
	}
	return failed
}

func TestServiceConfigIsTheSharedOne(t *testing.T) {
	shared, err := os.ReadFile("../service-config.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(shared) != serviceConfig {
		t.Error("client/go/service-config.json differs from client/service-config.json: run client/go/generate")
	}
}

func TestConverseReturnsTextUsageAndHeaders(t *testing.T) {
	result, err := connect(t).Converse(bounded(t, 20*time.Second), question(model, "Hello"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(result.Text(), "Hello") || result.StopReason() != "end_turn" {
		t.Errorf("text %q, stop reason %q", result.Text(), result.StopReason())
	}
	if result.Usage().GetTotalTokens() <= 0 || result.RequestID() == "" || result.Region() != "us-east-1" || result.Attempts() != 1 {
		t.Errorf("usage %v, request id %q, region %q, attempts %d", result.Usage(), result.RequestID(), result.Region(), result.Attempts())
	}
}

func TestStreamCollectsToTheResponseOfConverse(t *testing.T) {
	client, ctx := connect(t), bounded(t, 20*time.Second)
	stream, err := client.ConverseStream(ctx, question(model, "Hello"))
	if err != nil {
		t.Fatal(err)
	}
	var pieces []string
	for text, err := range stream.Text() {
		if err != nil {
			t.Fatal(err)
		}
		pieces = append(pieces, text)
	}
	collected, err := stream.Collect()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := client.Converse(ctx, question(model, "Hello"))
	if err != nil {
		t.Fatal(err)
	}
	if len(pieces) < 2 || strings.Join(pieces, "") != collected.Text() || !proto.Equal(collected.Message(), whole.Message()) {
		t.Errorf("pieces %q, collected %v, whole %v", pieces, collected.Message(), whole.Message())
	}
}

func TestStreamedToolInputCollectsToTheExactJSON(t *testing.T) {
	client, ctx := connect(t), bounded(t, 20*time.Second)
	schema := json.RawMessage(`{"type":"object","properties":{"unit":{"type":"string"},"city":{"type":"string"}},"required":["city"]}`)
	tool, err := ToolSpec("get_weather", "Current weather for a city", schema)
	if err != nil {
		t.Fatal(err)
	}
	request := question(model, "What is the weather in Paris?")
	request.ToolConfig = &bedrockv1.ToolConfiguration{Tools: []*bedrockv1.Tool{tool}}
	whole, err := client.Converse(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := client.ConverseStream(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	collected, err := stream.Collect()
	if err != nil {
		t.Fatal(err)
	}
	want, got := whole.ToolUses(), collected.ToolUses()
	if len(got) != 1 || string(got[0].Input) != string(want[0].Input) || !strings.Contains(string(got[0].Input), "Paris") {
		t.Errorf("want %v, got %v", want, got)
	}
}

func TestErrorHasReasonDelayAndQuota(t *testing.T) {
	client := connect(t, WithDialOptions(grpc.WithDisableRetry()))
	_, err := client.Converse(bounded(t, 30*time.Second), question("fault.throttling", "Hello"))
	failed := failure(t, err)
	if failed.Code != codes.ResourceExhausted || failed.Reason != "THROTTLING" || !failed.Retryable || failed.RetryDelay <= 0 {
		t.Errorf("%+v", failed)
	}
	if len(failed.QuotaViolations) == 0 || failed.RequestID == "" || failed.Metadata["attempts"] != "3" {
		t.Errorf("%+v", failed)
	}
}

func TestWrongFieldIsNamed(t *testing.T) {
	request := Request(model, User(Text("a"), &bedrockv1.ContentBlock{}))
	_, err := connect(t).Converse(bounded(t, 20*time.Second), request)
	failed := failure(t, err)
	if failed.Code != codes.InvalidArgument || failed.Retryable || failed.FieldViolations[0].GetField() != "messages[0].content[1]" {
		t.Errorf("%+v", failed)
	}
}

func TestErrorWithinAStreamEndsItAndIsNotRetried(t *testing.T) {
	stream, err := connect(t).ConverseStream(bounded(t, 20*time.Second), question("fault.service-unavailable.after.3", "Hello"))
	if err != nil {
		t.Fatal(err)
	}
	events := 0
	for err == nil {
		if _, err = stream.Recv(); err == nil {
			events++
		}
	}
	failed := failure(t, err)
	if events != 3 || failed.Reason != "SERVICE_UNAVAILABLE" || failed.Metadata["phase"] != "stream" {
		t.Errorf("%d events, %+v", events, failed)
	}
}

func TestThrottledCallIsRetriedAfterThePushback(t *testing.T) {
	// The gateway sends three requests for the first attempt of the library, and one for each retry of the library.
	result, err := connect(t).Converse(bounded(t, 60*time.Second), question("fault.flaky.3.throttling", "Hello from Go"))
	if err != nil {
		t.Fatal(err)
	}
	if result.Attempts() != 1 {
		t.Errorf("attempts %d", result.Attempts())
	}
}

func TestDeadlineHoldsForAUnaryCallAndAStream(t *testing.T) {
	client := connect(t)
	_, err := client.Converse(bounded(t, 500*time.Millisecond), question("fault.stall", "Hello"))
	if failed := failure(t, err); failed.Code != codes.DeadlineExceeded {
		t.Errorf("%+v", failed)
	}
	stream, err := client.ConverseStream(bounded(t, 500*time.Millisecond), question("fault.stall.after.2", "Hello"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Collect()
	if failed := failure(t, err); failed.Code != codes.DeadlineExceeded || failed.RequestID == "" {
		t.Errorf("%+v", failed)
	}
}

func TestCloseCancelsAStream(t *testing.T) {
	stream, err := connect(t).ConverseStream(bounded(t, 60*time.Second), question("fault.stall.after.2", "Hello"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	stream.Close()
	_, err = stream.Collect()
	if failed := failure(t, err); failed.Code != codes.Canceled {
		t.Errorf("%+v", failed)
	}
	if _, again := stream.Recv(); errors.Is(again, io.EOF) {
		t.Error("a cancelled stream must not end as a success")
	}
}

func TestRequestWithA10MBImageIsSent(t *testing.T) {
	picture := Image("png", append([]byte("\x89PNG"), make([]byte, 10_000_000)...))
	request := Request(model, User(Text("Describe this picture."), picture))
	result, err := connect(t).Converse(bounded(t, 60*time.Second), request)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(result.Text(), "1 image") {
		t.Errorf("text %q", result.Text())
	}
}

func TestResponseOf5MBIsReceived(t *testing.T) {
	text := "a@example.com " + strings.Repeat("lorem ipsum ", 450_000)
	block := &bedrockv1.GuardrailContentBlock{Member: &bedrockv1.GuardrailContentBlock_Text{
		Text: &bedrockv1.GuardrailTextBlock{Text: proto.String(text)}}}
	response, err := connect(t).Runtime().ApplyGuardrail(bounded(t, 60*time.Second), &bedrockv1.ApplyGuardrailRequest{
		GuardrailIdentifier: proto.String("guard1"), GuardrailVersion: proto.String("1"), Source: proto.String("OUTPUT"),
		Content: []*bedrockv1.GuardrailContentBlock{block},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(response.GetOutputs()[0].GetText()) < 5_000_000 {
		t.Errorf("%d bytes", len(response.GetOutputs()[0].GetText()))
	}
}

func TestSlowCallOutlivesManyKeepalivePings(t *testing.T) {
	if testing.Short() {
		t.Skip("65 s")
	}
	t.Parallel()
	parameters := keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}
	client := connect(t, WithDialOptions(grpc.WithKeepaliveParams(parameters)))
	started := time.Now()
	result, err := client.Converse(bounded(t, 120*time.Second), question("fault.slow.65000", "Hello"))
	if err != nil {
		t.Fatal(err)
	}
	if time.Since(started) < 65*time.Second || result.StopReason() != "end_turn" {
		t.Errorf("%v, %s", time.Since(started), result.StopReason())
	}
}

func TestJobGetsARequestTokenAndTheRequestIsNotChanged(t *testing.T) {
	client, ctx := connect(t), bounded(t, 20*time.Second)
	request := &bedrockv1.StartAsyncInvokeRequest{
		ModelId:        proto.String("amazon.nova-reel-v1:0"),
		ModelInputForm: &bedrockv1.StartAsyncInvokeRequest_ModelInputJson{ModelInputJson: `{"a":1}`},
		OutputDataConfig: &bedrockv1.AsyncInvokeOutputDataConfig{
			Member: &bedrockv1.AsyncInvokeOutputDataConfig_S3OutputDataConfig{
				S3OutputDataConfig: &bedrockv1.AsyncInvokeS3OutputDataConfig{S3Uri: proto.String("s3://bucket/")},
			},
		},
	}
	arns := map[string]bool{}
	for range 2 {
		response, err := client.StartAsyncInvoke(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		arns[response.GetInvocationArn()] = true
	}
	if len(arns) != 2 || request.ClientRequestToken != nil {
		t.Errorf("%v, %v", arns, request.ClientRequestToken)
	}
}
