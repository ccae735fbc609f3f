package bedrockgrpc

import (
	"encoding/json"
	"strconv"
	"strings"

	"google.golang.org/grpc/metadata"

	bedrockv1 "github.com/bedrock-grpc/bedrock-grpc/client/go/bedrock/runtime/v1"
)

// Headers that the gateway sends with every response.
const (
	requestIDHeader = "x-amzn-requestid"
	regionHeader    = "bedrock-grpc-region"
	attemptsHeader  = "bedrock-grpc-attempts"
)

// Result is a complete response and its headers.
type Result struct {
	// Response as Bedrock sent it.
	Response *bedrockv1.ConverseResponse
	// Header is the initial metadata.
	Header metadata.MD
}

// ToolUse is a tool that the model requests.
type ToolUse struct {
	ID, Name string
	// Input is the JSON exactly as the model wrote it.
	Input json.RawMessage
}

// Message is the model's message. Append it to the transcript as it is.
func (r *Result) Message() *bedrockv1.Message { return r.Response.GetOutput().GetMessage() }

// Text is all text of the message. Reasoning is not part of it.
func (r *Result) Text() string { return TextOf(r.Message()) }

// ToolUses are the tools that the model requests, in order.
func (r *Result) ToolUses() []ToolUse { return ToolUses(r.Message()) }

// StopReason is why the model stopped, in Bedrock's spelling: end_turn, tool_use, max_tokens and others.
func (r *Result) StopReason() string { return r.Response.GetStopReason() }

// Usage is the tokens as Bedrock counts them.
func (r *Result) Usage() *bedrockv1.TokenUsage { return r.Response.GetUsage() }

// RequestID is Bedrock's id of the request, which AWS support needs.
func (r *Result) RequestID() string { return first(r.Header, requestIDHeader) }

// Region is the AWS Region that served the request.
func (r *Result) Region() string { return first(r.Header, regionHeader) }

// Attempts is how many requests the gateway sent to Bedrock: 1 without a retry, 0 if unknown.
func (r *Result) Attempts() int {
	attempts, _ := strconv.Atoi(first(r.Header, attemptsHeader))
	return attempts
}

// TextOf is all text of a message, without reasoning.
func TextOf(message *bedrockv1.Message) string {
	var text strings.Builder
	for _, block := range message.GetContent() {
		switch member := block.GetMember().(type) {
		case *bedrockv1.ContentBlock_Text:
			text.WriteString(member.Text)
		case *bedrockv1.ContentBlock_CitationsContent:
			for _, part := range member.CitationsContent.GetContent() {
				text.WriteString(part.GetText())
			}
		}
	}
	return text.String()
}

// ToolUses are the tools that a message requests. A tool that Bedrock has run already (server_tool_use) is not among them.
func ToolUses(message *bedrockv1.Message) []ToolUse {
	var uses []ToolUse
	for _, block := range message.GetContent() {
		use := block.GetToolUse()
		if use == nil || use.GetType() == "server_tool_use" {
			continue
		}
		input := use.GetInputJson()
		if input == "" {
			input = "{}"
		}
		uses = append(uses, ToolUse{ID: use.GetToolUseId(), Name: use.GetName(), Input: json.RawMessage(input)})
	}
	return uses
}

func first(md metadata.MD, key string) string {
	if values := md.Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}
