package bedrockgrpc

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/proto"

	bedrockv1 "github.com/bedrock-grpc/bedrock-grpc/client/go/bedrock/runtime/v1"
)

// Request is a Converse request for a model and a transcript. Set further fields on the result.
func Request(modelID string, messages ...*bedrockv1.Message) *bedrockv1.ConverseRequest {
	return &bedrockv1.ConverseRequest{ModelId: proto.String(modelID), Messages: messages}
}

// User is a message of the user.
func User(content ...*bedrockv1.ContentBlock) *bedrockv1.Message {
	return &bedrockv1.Message{Role: proto.String("user"), Content: content}
}

// Assistant is a message of the model.
func Assistant(content ...*bedrockv1.ContentBlock) *bedrockv1.Message {
	return &bedrockv1.Message{Role: proto.String("assistant"), Content: content}
}

// Text is a text block. Bedrock rejects blank text.
func Text(text string) *bedrockv1.ContentBlock {
	return &bedrockv1.ContentBlock{Member: &bedrockv1.ContentBlock_Text{Text: text}}
}

// System is a block of the system prompt.
func System(text string) *bedrockv1.SystemContentBlock {
	return &bedrockv1.SystemContentBlock{Member: &bedrockv1.SystemContentBlock_Text{Text: text}}
}

// Image is an image block. Formats: png, jpeg, gif, webp.
func Image(format string, data []byte) *bedrockv1.ContentBlock {
	source := &bedrockv1.ImageSource{Member: &bedrockv1.ImageSource_Bytes{Bytes: data}}
	block := &bedrockv1.ImageBlock{Format: proto.String(format), Source: source}
	return &bedrockv1.ContentBlock{Member: &bedrockv1.ContentBlock_Image{Image: block}}
}

// DocumentFile is a document block (pdf, csv, doc, docx, xls, xlsx, html, txt, md). Bedrock wants a text block in the same
// message.
func DocumentFile(format, name string, data []byte) *bedrockv1.ContentBlock {
	source := &bedrockv1.DocumentSource{Member: &bedrockv1.DocumentSource_Bytes{Bytes: data}}
	block := &bedrockv1.DocumentBlock{Format: proto.String(format), Name: proto.String(name), Source: source}
	return &bedrockv1.ContentBlock{Member: &bedrockv1.ContentBlock_Document{Document: block}}
}

// CachePoint is a point up to which Bedrock caches the prompt.
func CachePoint() *bedrockv1.ContentBlock {
	point := &bedrockv1.CachePointBlock{Type: proto.String("default")}
	return &bedrockv1.ContentBlock{Member: &bedrockv1.ContentBlock_CachePoint{CachePoint: point}}
}

// ToolSpec declares a tool. schema is the JSON Schema of its input: json.RawMessage or []byte are taken as they are, any
// other value is marshalled. Bedrock caches prompts by their exact text, so prefer a raw schema or a struct to a map.
func ToolSpec(name, description string, schema any) (*bedrockv1.Tool, error) {
	text, err := jsonText(schema)
	if err != nil {
		return nil, fmt.Errorf("the schema of tool %s: %w", name, err)
	}
	spec := &bedrockv1.ToolSpecification{
		Name:        proto.String(name),
		InputSchema: &bedrockv1.ToolInputSchema{Member: &bedrockv1.ToolInputSchema_JsonText{JsonText: text}},
	}
	if description != "" {
		spec.Description = proto.String(description)
	}
	return &bedrockv1.Tool{Member: &bedrockv1.Tool_ToolSpec{ToolSpec: spec}}, nil
}

// ToolResult is the result of a tool. A string becomes text. Any other value becomes JSON; because Bedrock wants an object
// there, a JSON value of another kind becomes {"result": value}.
func ToolResult(toolUseID string, result any) (*bedrockv1.ContentBlock, error) {
	content := &bedrockv1.ToolResultContentBlock{}
	if text, ok := result.(string); ok {
		content.Member = &bedrockv1.ToolResultContentBlock_Text{Text: text}
	} else {
		text, err := jsonText(result)
		if err != nil {
			return nil, fmt.Errorf("the result of a tool: %w", err)
		}
		if text == "" || text[0] != '{' {
			text = `{"result":` + text + `}`
		}
		content.Member = &bedrockv1.ToolResultContentBlock_JsonText{JsonText: text}
	}
	return toolResultBlock(toolUseID, "", content), nil
}

// ToolError is the result of a tool that failed. The model sees the text.
func ToolError(toolUseID, text string) *bedrockv1.ContentBlock {
	content := &bedrockv1.ToolResultContentBlock{Member: &bedrockv1.ToolResultContentBlock_Text{Text: text}}
	return toolResultBlock(toolUseID, "error", content)
}

func toolResultBlock(id, status string, content *bedrockv1.ToolResultContentBlock) *bedrockv1.ContentBlock {
	block := &bedrockv1.ToolResultBlock{
		ToolUseId: proto.String(id),
		Content:   []*bedrockv1.ToolResultContentBlock{content},
	}
	if status != "" {
		block.Status = proto.String(status)
	}
	return &bedrockv1.ContentBlock{Member: &bedrockv1.ContentBlock_ToolResult{ToolResult: block}}
}

// jsonText writes a value as JSON without HTML escapes, which would change the text that the model sees.
func jsonText(value any) (string, error) {
	switch raw := value.(type) {
	case json.RawMessage:
		return string(raw), validJSON(raw)
	case []byte:
		return string(raw), validJSON(raw)
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(buffer.Bytes())), nil
}

func validJSON(text []byte) error {
	if !json.Valid(text) {
		return fmt.Errorf("not valid JSON")
	}
	return nil
}
