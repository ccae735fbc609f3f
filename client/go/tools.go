package bedrockgrpc

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/invopop/jsonschema"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	bedrockv1 "github.com/bedrock-grpc/bedrock-grpc/client/go/bedrock/runtime/v1"
)

const (
	// DefaultMaxTurns is how often the model may respond before a loop gives up. A model that calls tools in a circle
	// costs money each time.
	DefaultMaxTurns = 10
	// DefaultMaxParallel is how many tools of one response run at a time.
	DefaultMaxParallel = 8
)

// Tool is what the model sees of a tool, and the function that runs it.
type Tool struct {
	Name, Description string
	// Schema is the JSON Schema of the input.
	Schema json.RawMessage
	// Run takes the input as the model wrote it. Its result goes to ToolResult. An error goes back to the model as a tool
	// result with status error.
	Run func(ctx context.Context, input json.RawMessage) (any, error)
}

// NewTool is a tool whose schema comes from the struct In: json tags name the members, jsonschema tags describe them
// (github.com/invopop/jsonschema).
func NewTool[In any](name, description string, run func(context.Context, In) (any, error)) (Tool, error) {
	reflector := jsonschema.Reflector{Anonymous: true, DoNotReference: true}
	schema := reflector.Reflect(new(In))
	schema.Version = "" // Models take the schema alone.
	text, err := json.Marshal(schema)
	if err != nil {
		return Tool{}, fmt.Errorf("the schema of tool %s: %w", name, err)
	}
	return Tool{Name: name, Description: description, Schema: text,
		Run: func(ctx context.Context, input json.RawMessage) (any, error) {
			var in In
			if err := json.Unmarshal(input, &in); err != nil {
				return nil, fmt.Errorf("the input does not fit the schema: %w", err)
			}
			return run(ctx, in)
		}}, nil
}

// ToolLoop runs tools until the model stops. The zero values of its fields are good defaults.
type ToolLoop struct {
	Tools []Tool
	// MaxTurns is how often the model may respond; DefaultMaxTurns if 0.
	MaxTurns int
	// MaxParallel is how many tools run at a time; DefaultMaxParallel if 0.
	MaxParallel int
	// Approve sees each requested call before it runs, and may change it. False rejects the call: the model sees an error.
	Approve func(*ToolUse) bool
	// OnText gets the pieces of text as they arrive. If it is set, responses are streamed.
	OnText func(string)
}

// ToolLoopResult is how a loop ended.
type ToolLoopResult struct {
	// Result is the model's last response.
	*Result
	// Messages is the whole transcript, the last response included.
	Messages []*bedrockv1.Message
	// Turns is how often the model responded.
	Turns int
}

// TurnLimitError says that the model still requested tools after the last turn. Messages is the transcript up to that point.
type TurnLimitError struct {
	Turns    int
	Messages []*bedrockv1.Message
}

// Error says how many turns there were.
func (e *TurnLimitError) Error() string {
	return fmt.Sprintf("the model still requests tools after %d responses", e.Turns)
}

// Run sends the request, runs the tools that the model requests, and repeats until the model stops. An unknown tool, invalid
// input, and a tool that fails or panics become tool results with status error, so that the model can react. Cancelling the
// context ends the running call and, through their contexts, the tools. The request itself is not changed.
func (l *ToolLoop) Run(ctx context.Context, client *Client, request *bedrockv1.ConverseRequest) (*ToolLoopResult, error) {
	request = proto.CloneOf(request)
	if err := l.declare(request); err != nil {
		return nil, err
	}
	for turns := 1; ; turns++ {
		result, err := l.turn(ctx, client, request)
		if err != nil {
			return nil, err
		}
		request.Messages = append(request.Messages, result.Message())
		uses := result.ToolUses()
		if result.StopReason() != "tool_use" || len(uses) == 0 {
			return &ToolLoopResult{Result: result, Messages: request.Messages, Turns: turns}, nil
		}
		if turns >= orDefault(l.MaxTurns, DefaultMaxTurns) {
			return nil, &TurnLimitError{Turns: turns, Messages: request.Messages}
		}
		results, err := l.runAll(ctx, uses)
		if err != nil {
			return nil, err
		}
		request.Messages = append(request.Messages, User(results...))
		// A forced tool would be forced again in each turn, without end.
		if choice := request.GetToolConfig().GetToolChoice(); choice.GetAny() != nil || choice.GetTool() != nil {
			request.ToolConfig.ToolChoice = nil
		}
	}
}

func (l *ToolLoop) declare(request *bedrockv1.ConverseRequest) error {
	declared := map[string]bool{}
	for _, tool := range request.GetToolConfig().GetTools() {
		declared[tool.GetToolSpec().GetName()] = true
	}
	for _, tool := range l.Tools {
		if declared[tool.Name] {
			continue
		}
		spec, err := ToolSpec(tool.Name, tool.Description, tool.Schema)
		if err != nil {
			return err
		}
		if request.ToolConfig == nil {
			request.ToolConfig = new(bedrockv1.ToolConfiguration)
		}
		request.ToolConfig.Tools = append(request.ToolConfig.Tools, spec)
	}
	return nil
}

func (l *ToolLoop) turn(ctx context.Context, client *Client, request *bedrockv1.ConverseRequest) (*Result, error) {
	if l.OnText == nil {
		return client.Converse(ctx, request)
	}
	stream, err := client.ConverseStream(ctx, request)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	for text, err := range stream.Text() {
		if err != nil {
			return nil, err
		}
		l.OnText(text)
	}
	return stream.Collect()
}

// runAll runs the tools of one response and returns their results in the order of the requests.
func (l *ToolLoop) runAll(ctx context.Context, uses []ToolUse) ([]*bedrockv1.ContentBlock, error) {
	results := make([]*bedrockv1.ContentBlock, len(uses))
	slots := make(chan struct{}, orDefault(l.MaxParallel, DefaultMaxParallel))
	var running sync.WaitGroup
	for i, use := range uses {
		if l.Approve != nil && !l.Approve(&use) {
			results[i] = ToolError(uses[i].ID, "The call was rejected.")
			continue
		}
		use.ID = uses[i].ID
		running.Go(func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
				results[i] = l.runOne(ctx, use)
			case <-ctx.Done():
			}
		})
	}
	running.Wait()
	if err := ctx.Err(); err != nil {
		return nil, FromError(status.FromContextError(err).Err(), nil)
	}
	return results, nil
}

func (l *ToolLoop) runOne(ctx context.Context, use ToolUse) (block *bedrockv1.ContentBlock) {
	defer func() {
		if cause := recover(); cause != nil {
			block = ToolError(use.ID, fmt.Sprintf("the tool panicked: %v", cause))
		}
	}()
	for _, tool := range l.Tools {
		if tool.Name != use.Name {
			continue
		}
		if !json.Valid(use.Input) {
			return ToolError(use.ID, "the input is not valid JSON")
		}
		result, err := tool.Run(ctx, use.Input)
		if err != nil {
			return ToolError(use.ID, err.Error())
		}
		block, err := ToolResult(use.ID, result)
		if err != nil {
			return ToolError(use.ID, err.Error())
		}
		return block
	}
	names := make([]string, 0, len(l.Tools))
	for _, tool := range l.Tools {
		names = append(names, tool.Name)
	}
	sort.Strings(names)
	return ToolError(use.ID, fmt.Sprintf("there is no tool %q; the tools are: %s", use.Name, strings.Join(names, ", ")))
}

func orDefault(value, fallback int) int {
	if value <= 0 {
		return fallback
	}
	return value
}
