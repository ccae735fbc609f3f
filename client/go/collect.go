package bedrockgrpc

import (
	"sort"
	"strings"

	"google.golang.org/protobuf/proto"

	bedrockv1 "github.com/bedrock-grpc/bedrock-grpc/client/go/bedrock/runtime/v1"
)

// Collector joins the events of a stream into the response that Converse would have sent. Blocks without content are left
// out, because models reject an empty text block in the next turn. The zero value is ready.
type Collector struct {
	response bedrockv1.ConverseResponse
	role     string
	blocks   map[int32][]*bedrockv1.ContentBlock
	stopped  bool
}

// Complete says whether messageStop has arrived.
func (c *Collector) Complete() bool { return c.stopped }

// Add takes the next event.
func (c *Collector) Add(event *bedrockv1.ConverseStreamResponse) {
	switch member := event.GetMember().(type) {
	case *bedrockv1.ConverseStreamResponse_MessageStart:
		c.role = member.MessageStart.GetRole()
	case *bedrockv1.ConverseStreamResponse_ContentBlockStart:
		c.start(member.ContentBlockStart)
	case *bedrockv1.ConverseStreamResponse_ContentBlockDelta:
		c.delta(member.ContentBlockDelta)
	case *bedrockv1.ConverseStreamResponse_MessageStop:
		c.stopped = true
		c.response.StopReason = member.MessageStop.StopReason
		c.additionalFields(member.MessageStop)
	case *bedrockv1.ConverseStreamResponse_Metadata:
		c.metadata(member.Metadata)
	}
}

// Response is the response so far. Check Complete first.
func (c *Collector) Response() *bedrockv1.ConverseResponse {
	role := c.role
	if role == "" {
		role = "assistant"
	}
	message := &bedrockv1.Message{Role: proto.String(role)}
	indexes := make([]int32, 0, len(c.blocks))
	for index := range c.blocks {
		indexes = append(indexes, index)
	}
	sort.Slice(indexes, func(i, j int) bool { return indexes[i] < indexes[j] })
	for _, index := range indexes {
		for _, block := range c.blocks[index] {
			if use := block.GetToolUse(); use != nil && strings.TrimSpace(use.GetInputJson()) == "" {
				use.InputForm = &bedrockv1.ToolUseBlock_InputJson{InputJson: "{}"}
			}
			if text, ok := block.GetMember().(*bedrockv1.ContentBlock_Text); !ok || text.Text != "" {
				message.Content = append(message.Content, block)
			}
		}
	}
	c.response.Output = &bedrockv1.ConverseOutput{Member: &bedrockv1.ConverseOutput_Message{Message: message}}
	return &c.response
}

func (c *Collector) additionalFields(stop *bedrockv1.MessageStopEvent) {
	switch form := stop.GetAdditionalModelResponseFieldsForm().(type) {
	case *bedrockv1.MessageStopEvent_AdditionalModelResponseFieldsJson:
		c.response.AdditionalModelResponseFieldsForm = &bedrockv1.ConverseResponse_AdditionalModelResponseFieldsJson{
			AdditionalModelResponseFieldsJson: form.AdditionalModelResponseFieldsJson,
		}
	case *bedrockv1.MessageStopEvent_AdditionalModelResponseFields:
		c.response.AdditionalModelResponseFieldsForm = &bedrockv1.ConverseResponse_AdditionalModelResponseFields{
			AdditionalModelResponseFields: form.AdditionalModelResponseFields,
		}
	}
}

func (c *Collector) metadata(event *bedrockv1.ConverseStreamMetadataEvent) {
	c.response.Usage = event.GetUsage()
	c.response.PerformanceConfig = event.GetPerformanceConfig()
	c.response.ServiceTier = event.GetServiceTier()
	if event.GetMetrics() != nil {
		c.response.Metrics = &bedrockv1.ConverseMetrics{LatencyMs: event.GetMetrics().LatencyMs}
	}
	if trace := event.GetTrace(); trace != nil {
		c.response.Trace = &bedrockv1.ConverseTrace{Guardrail: trace.GetGuardrail(), PromptRouter: trace.GetPromptRouter()}
	}
}

func (c *Collector) start(event *bedrockv1.ContentBlockStartEvent) {
	index := event.GetContentBlockIndex()
	switch start := event.GetStart().GetMember().(type) {
	case *bedrockv1.ContentBlockStart_ToolUse:
		use := start.ToolUse
		c.push(index, &bedrockv1.ContentBlock{Member: &bedrockv1.ContentBlock_ToolUse{ToolUse: &bedrockv1.ToolUseBlock{
			ToolUseId: use.ToolUseId, Name: use.Name, Type: use.Type,
			InputForm: &bedrockv1.ToolUseBlock_InputJson{},
		}}})
	case *bedrockv1.ContentBlockStart_ToolResult:
		result := start.ToolResult
		c.push(index, &bedrockv1.ContentBlock{Member: &bedrockv1.ContentBlock_ToolResult{
			ToolResult: &bedrockv1.ToolResultBlock{ToolUseId: result.ToolUseId, Type: result.Type, Status: result.Status},
		}})
	case *bedrockv1.ContentBlockStart_Image:
		c.push(index, &bedrockv1.ContentBlock{Member: &bedrockv1.ContentBlock_Image{
			Image: &bedrockv1.ImageBlock{Format: start.Image.Format},
		}})
	}
}

func (c *Collector) delta(event *bedrockv1.ContentBlockDeltaEvent) {
	index := event.GetContentBlockIndex()
	last := c.last(index)
	switch delta := event.GetDelta().GetMember().(type) {
	case *bedrockv1.ContentBlockDelta_Text:
		c.text(index, last, delta.Text)
	case *bedrockv1.ContentBlockDelta_ToolUse:
		if use := last.GetToolUse(); use != nil {
			use.InputForm = &bedrockv1.ToolUseBlock_InputJson{InputJson: use.GetInputJson() + delta.ToolUse.GetInput()}
		}
	case *bedrockv1.ContentBlockDelta_ReasoningContent:
		c.reasoning(index, last, delta.ReasoningContent)
	case *bedrockv1.ContentBlockDelta_Citation:
		c.citation(index, last, delta.Citation)
	case *bedrockv1.ContentBlockDelta_Image:
		if image := last.GetImage(); image != nil {
			addImage(image, delta.Image)
		}
	case *bedrockv1.ContentBlockDelta_ToolResult:
		if result := last.GetToolResult(); result != nil {
			addToolResult(result, delta.ToolResult.GetValues())
		}
	}
}

func (c *Collector) text(index int32, last *bedrockv1.ContentBlock, text string) {
	switch member := last.GetMember().(type) {
	case *bedrockv1.ContentBlock_Text:
		member.Text += text
	case *bedrockv1.ContentBlock_CitationsContent:
		addCitedText(member.CitationsContent, text)
	default:
		c.push(index, Text(text))
	}
}

func (c *Collector) reasoning(index int32, last *bedrockv1.ContentBlock, delta *bedrockv1.ReasoningContentBlockDelta) {
	content := last.GetReasoningContent()
	redacted, isRedacted := delta.GetMember().(*bedrockv1.ReasoningContentBlockDelta_RedactedContent)
	sameKind := content != nil && (content.GetReasoningText() == nil) == isRedacted
	if !sameKind {
		content = new(bedrockv1.ReasoningContentBlock)
		c.push(index, &bedrockv1.ContentBlock{Member: &bedrockv1.ContentBlock_ReasoningContent{ReasoningContent: content}})
	}
	if isRedacted {
		bytes := append(content.GetRedactedContent(), redacted.RedactedContent...)
		content.Member = &bedrockv1.ReasoningContentBlock_RedactedContent{RedactedContent: bytes}
		return
	}
	text := content.GetReasoningText()
	if text == nil {
		text = new(bedrockv1.ReasoningTextBlock)
		content.Member = &bedrockv1.ReasoningContentBlock_ReasoningText{ReasoningText: text}
	}
	switch delta := delta.GetMember().(type) {
	case *bedrockv1.ReasoningContentBlockDelta_Text:
		text.Text = proto.String(text.GetText() + delta.Text)
	case *bedrockv1.ReasoningContentBlockDelta_Signature:
		text.Signature = proto.String(text.GetSignature() + delta.Signature)
	}
}

// citation adds a citation. The text block that it belongs to becomes a block of cited text.
func (c *Collector) citation(index int32, last *bedrockv1.ContentBlock, delta *bedrockv1.CitationsDelta) {
	cited := last.GetCitationsContent()
	if cited == nil {
		cited = new(bedrockv1.CitationsContentBlock)
		member := &bedrockv1.ContentBlock_CitationsContent{CitationsContent: cited}
		if text, ok := last.GetMember().(*bedrockv1.ContentBlock_Text); ok {
			addCitedText(cited, text.Text)
			last.Member = member
		} else {
			c.push(index, &bedrockv1.ContentBlock{Member: member})
		}
	}
	citation := &bedrockv1.Citation{Title: delta.Title, Source: delta.Source, Location: delta.GetLocation()}
	for _, part := range delta.GetSourceContent() {
		citation.SourceContent = append(citation.SourceContent, &bedrockv1.CitationSourceContent{
			Member: &bedrockv1.CitationSourceContent_Text{Text: part.GetText()},
		})
	}
	cited.Citations = append(cited.Citations, citation)
}

func (c *Collector) push(index int32, block *bedrockv1.ContentBlock) {
	if c.blocks == nil {
		c.blocks = make(map[int32][]*bedrockv1.ContentBlock)
	}
	c.blocks[index] = append(c.blocks[index], block)
}

func (c *Collector) last(index int32) *bedrockv1.ContentBlock {
	if blocks := c.blocks[index]; len(blocks) > 0 {
		return blocks[len(blocks)-1]
	}
	return nil
}

func addCitedText(cited *bedrockv1.CitationsContentBlock, text string) {
	if text == "" {
		return
	}
	if last := len(cited.Content) - 1; last >= 0 {
		cited.Content[last].Member = &bedrockv1.CitationGeneratedContent_Text{Text: cited.Content[last].GetText() + text}
		return
	}
	part := &bedrockv1.CitationGeneratedContent{Member: &bedrockv1.CitationGeneratedContent_Text{Text: text}}
	cited.Content = append(cited.Content, part)
}

func addImage(image *bedrockv1.ImageBlock, delta *bedrockv1.ImageBlockDelta) {
	if delta.GetError() != nil {
		image.Error = delta.GetError()
	}
	switch source := delta.GetSource().GetMember().(type) {
	case *bedrockv1.ImageSource_Bytes:
		bytes := append(image.GetSource().GetBytes(), source.Bytes...)
		image.Source = &bedrockv1.ImageSource{Member: &bedrockv1.ImageSource_Bytes{Bytes: bytes}}
	case nil:
	default:
		image.Source = delta.GetSource()
	}
}

func addToolResult(result *bedrockv1.ToolResultBlock, deltas []*bedrockv1.ToolResultBlockDelta) {
	for _, delta := range deltas {
		switch delta := delta.GetMember().(type) {
		case *bedrockv1.ToolResultBlockDelta_Text:
			if last := len(result.Content) - 1; last >= 0 {
				if text, ok := result.Content[last].Member.(*bedrockv1.ToolResultContentBlock_Text); ok {
					text.Text += delta.Text
					continue
				}
			}
			result.Content = append(result.Content, &bedrockv1.ToolResultContentBlock{
				Member: &bedrockv1.ToolResultContentBlock_Text{Text: delta.Text},
			})
		case *bedrockv1.ToolResultBlockDelta_JsonText:
			result.Content = append(result.Content, &bedrockv1.ToolResultContentBlock{
				Member: &bedrockv1.ToolResultContentBlock_JsonText{JsonText: delta.JsonText},
			})
		}
	}
}
