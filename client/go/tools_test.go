package bedrockgrpc

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	bedrockv1 "github.com/bedrock-grpc/bedrock-grpc/client/go/bedrock/runtime/v1"
)

const weatherQuestion = "What is the weather in Paris?"

type place struct {
	City string `json:"city" jsonschema:"description=The city's name"`
}

func weather(t *testing.T, run func(context.Context, place) (any, error)) Tool {
	t.Helper()
	tool, err := NewTool("get_weather", "Current weather for a city", run)
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func sunny(_ context.Context, in place) (any, error) {
	return map[string]any{"city": in.City, "celsius": 18}, nil
}

func TestSchemaComesFromTheStruct(t *testing.T) {
	var schema struct {
		Type       string
		Required   []string
		Properties map[string]struct{ Type, Description string }
	}
	if err := json.Unmarshal(weather(t, sunny).Schema, &schema); err != nil {
		t.Fatal(err)
	}
	city := schema.Properties["city"]
	if schema.Type != "object" || len(schema.Required) != 1 || city.Type != "string" || city.Description != "The city's name" {
		t.Errorf("%+v", schema)
	}
}

func TestLoopRunsAToolAndStreamsText(t *testing.T) {
	var streamed strings.Builder
	loop := ToolLoop{Tools: []Tool{weather(t, sunny)}, OnText: func(text string) { streamed.WriteString(text) }}
	request := question(model, weatherQuestion)
	done, err := loop.Run(bounded(t, 20*time.Second), connect(t), request)
	if err != nil {
		t.Fatal(err)
	}
	if done.Turns != 2 || !strings.Contains(done.Text(), "18") || !strings.Contains(streamed.String(), done.Text()) || len(done.Messages) != 4 {
		t.Errorf("%d turns, %q, %d messages", done.Turns, done.Text(), len(done.Messages))
	}
	if len(request.Messages) != 1 || request.ToolConfig != nil {
		t.Error("the caller's request was changed")
	}
}

func TestToolThatFailsOrPanicsBecomesAnErrorResult(t *testing.T) {
	for name, run := range map[string]func(context.Context, place) (any, error){
		"fails":  func(context.Context, place) (any, error) { return nil, errors.New("the station is down") },
		"panics": func(context.Context, place) (any, error) { panic("the station is down") },
	} {
		t.Run(name, func(t *testing.T) {
			loop := ToolLoop{Tools: []Tool{weather(t, run)}}
			done, err := loop.Run(bounded(t, 20*time.Second), connect(t), question(model, weatherQuestion))
			if err != nil {
				t.Fatal(err)
			}
			expectErrorResult(t, done.Messages, "the station is down")
		})
	}
}

func TestTwoToolsRunAtTheSameTime(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	meet := func(result string) func(context.Context, place) (any, error) {
		return func(context.Context, place) (any, error) {
			both.Done()
			both.Wait()
			return result, nil
		}
	}
	clock, err := NewTool("get_time", "Current time in a city", meet("noon"))
	if err != nil {
		t.Fatal(err)
	}
	loop := ToolLoop{Tools: []Tool{weather(t, meet("sunny")), clock}}
	request := question(model, "Call get_weather and get_time for Paris")
	done, err := loop.Run(bounded(t, 20*time.Second), connect(t), request)
	if err != nil {
		t.Fatal(err)
	}
	results := done.Messages[2].GetContent()
	if len(results) != 2 || resultText(results[0]) != "sunny" || resultText(results[1]) != "noon" {
		t.Errorf("%v", results)
	}
}

func TestToolThatDoesNotExistBecomesAnErrorResult(t *testing.T) {
	request := question(model, weatherQuestion)
	declared, err := ToolSpec("get_weather", "Current weather for a city", json.RawMessage(`{"type":"object","properties":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	request.ToolConfig = &bedrockv1.ToolConfiguration{Tools: []*bedrockv1.Tool{declared}}
	done, err := new(ToolLoop).Run(bounded(t, 20*time.Second), connect(t), request)
	if err != nil {
		t.Fatal(err)
	}
	expectErrorResult(t, done.Messages, `there is no tool "get_weather"`)
}

func TestTurnLimitEndsTheLoopWithTheTranscript(t *testing.T) {
	loop := ToolLoop{Tools: []Tool{weather(t, sunny)}, MaxTurns: 1}
	_, err := loop.Run(bounded(t, 20*time.Second), connect(t), question(model, weatherQuestion))
	var limit *TurnLimitError
	if !errors.As(err, &limit) || limit.Turns != 1 || len(limit.Messages) != 2 {
		t.Errorf("%v", err)
	}
}

func TestApproveCanChangeAndRejectACall(t *testing.T) {
	loop := ToolLoop{Tools: []Tool{weather(t, sunny)}, Approve: func(use *ToolUse) bool {
		use.Input = json.RawMessage(`{"city":"Oslo"}`)
		return true
	}}
	done, err := loop.Run(bounded(t, 20*time.Second), connect(t), question(model, weatherQuestion))
	if err != nil {
		t.Fatal(err)
	}
	if json := done.Messages[2].GetContent()[0].GetToolResult().GetContent()[0].GetJsonText(); !strings.Contains(json, "Oslo") {
		t.Errorf("%s", json)
	}
	loop.Approve = func(*ToolUse) bool { return false }
	done, err = loop.Run(bounded(t, 20*time.Second), connect(t), question(model, weatherQuestion))
	if err != nil {
		t.Fatal(err)
	}
	expectErrorResult(t, done.Messages, "rejected")
}

func TestCancelledContextEndsTheLoopAndTheTool(t *testing.T) {
	ctx, cancel := context.WithCancel(bounded(t, 20*time.Second))
	stopped := make(chan struct{})
	loop := ToolLoop{Tools: []Tool{weather(t, func(ctx context.Context, _ place) (any, error) {
		cancel()
		<-ctx.Done()
		close(stopped)
		return nil, ctx.Err()
	})}}
	_, err := loop.Run(ctx, connect(t), question(model, weatherQuestion))
	if failed := failure(t, err); failed.Code != codes.Canceled {
		t.Errorf("%v", err)
	}
	<-stopped
}

func TestStreamCutWithinToolInputIsAnError(t *testing.T) {
	loop := ToolLoop{Tools: []Tool{weather(t, sunny)}, OnText: func(string) {}}
	_, err := loop.Run(bounded(t, 20*time.Second), connect(t), question("fault.cut.after.4", weatherQuestion))
	if failed := failure(t, err); failed.Code != codes.Unavailable || failed.Reason != "STREAM_TRUNCATED" {
		t.Errorf("%v", err)
	}
}

func expectErrorResult(t *testing.T, messages []*bedrockv1.Message, text string) {
	t.Helper()
	block := messages[2].GetContent()[0]
	if block.GetToolResult().GetStatus() != "error" || !strings.Contains(resultText(block), text) {
		t.Errorf("want an error result with %q, got %v", text, block)
	}
}

func resultText(block *bedrockv1.ContentBlock) string {
	return block.GetToolResult().GetContent()[0].GetText()
}
