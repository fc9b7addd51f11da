package roomd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/roomd/roomd/sdks/go/internal/jsonobject"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// Tool describes a tool to the models that may call it.
type Tool struct {
	// Description says what it is good for, in words that a model reads.
	Description string
	// Parameters is the JSON Schema (2020-12) of the arguments, an object: a map, a
	// json.RawMessage, or whatever else encoding/json writes as one. The server checks every call
	// against it before the handler is asked. nil: any object.
	Parameters any
	// ChannelIDs are the channels whose AI may call it; none: all.
	ChannelIDs []string
	// Timeout bounds one call. Default 30 s, at most 300 s; [Extend] makes it longer.
	Timeout time.Duration
	// Idempotent: it may run twice. A call whose worker was lost is given to the next one, with
	// the same invocation id; without it such a call ends with TOOL_OUTCOME_LOST.
	Idempotent bool
}

// ToolCall asks a tool.
type ToolCall struct {
	// ID is the caller's own, the same when it calls again.
	ID string
	// Name is the tool's.
	Name string
	// Arguments are what the tool's schema describes. Numbers are float64.
	Arguments map[string]any
	// ChannelID is the AI channel that calls; "": somebody who tries the tool.
	ChannelID string
	// RoomID is the room that it is called for; "": none.
	RoomID string
	// Invocation has what else the server says.
	Invocation *roomdv1.Invocation
}

// Decode reads the arguments into a struct, as encoding/json does; whole numbers fit into
// integers.
func (c *ToolCall) Decode(into any) error {
	text, err := json.Marshal(c.Arguments)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// ToolResult is what a tool answers: [ToolText], [ToolJSON], or one with more in it. nil is an
// answer without words.
type ToolResult = roomdv1.ToolResult

// ToolText answers with words; what is no UTF-8 in them, such as the bytes of a file, becomes
// U+FFFD.
func ToolText(words string) *ToolResult {
	return &ToolResult{Text: strings.ToValidUTF8(words, "\uFFFD")}
}

// ToolJSON answers with a value: the model reads its JSON; an object is there for programs, too
// (ToolResult.Structured).
func ToolJSON(value any) (*ToolResult, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // a model reads it, not a browser
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	result := ToolText(strings.TrimSuffix(text.String(), "\n"))
	if !strings.HasPrefix(result.GetText(), "{") {
		return result, nil
	}
	result.Structured = &structpb.Struct{}
	return result, result.Structured.UnmarshalJSON(text.Bytes())
}

// ToolError is the error of a tool that did not work, in words for the model: the call is
// answered, with ToolResult.IsError, and the model decides what to do about it. Any other error
// is the handler's failure: TOOL_OUTCOME_FAILED.
type ToolError struct{ Message string }

// Error says what the model reads.
func (e *ToolError) Error() string { return e.Message }

// ToolHandler runs a tool.
type ToolHandler func(context.Context, *ToolCall) (*ToolResult, error)

// ToolFunc makes a handler of a function that takes the arguments as a struct, or as whatever
// else encoding/json can decode them into, and returns the answer: a string as it is, a
// *ToolResult, or a value as [ToolJSON] writes it. Arguments that cannot be decoded are a
// [ToolError]. The rest of the call is in [InvocationOf].
//
//	type place struct{ City string }
//	roomd.ToolFunc(func(ctx context.Context, in place) (string, error) {
//		return "sunny in " + in.City, nil
//	})
func ToolFunc[Arguments, Answer any](
	run func(context.Context, Arguments) (Answer, error),
) ToolHandler {
	return func(ctx context.Context, call *ToolCall) (*ToolResult, error) {
		var arguments Arguments
		if err := call.Decode(&arguments); err != nil {
			return nil, &ToolError{Message: "the arguments do not fit: " + err.Error()}
		}
		answer, err := run(ctx, arguments)
		if err != nil {
			return nil, err
		}
		switch answer := any(answer).(type) {
		case string:
			return ToolText(answer), nil
		case *ToolResult:
			return answer, nil
		}
		return ToolJSON(answer)
	}
}

// ServeTool serves a tool: models know it by the name, which is unique in the organization. An
// error, a panic or too long a silence is a failure that the model is told of; see [ToolError].
func (w *Worker) ServeTool(name string, tool Tool, run ToolHandler) {
	spec, err := tool.spec()
	if err != nil {
		w.refuse(name, invalidField("spec.tool.parameters", err))
		return
	}
	w.add(&handler{
		wire: &roomdv1.Handler{Name: name, Spec: &roomdv1.HandlerSpec{
			Kind: &roomdv1.HandlerSpec_Tool{Tool: spec},
		}},
		serve: func(ctx context.Context, in *roomdv1.Invocation) (*roomdv1.Result, error) {
			asked := in.GetCall().GetTool()
			if asked == nil {
				return nil, unknownKind("call", name)
			}
			result, err := run(ctx, toolCall(asked, in))
			if err != nil {
				var told *ToolError
				if !errors.As(err, &told) {
					return nil, err
				}
				result = ToolText(told.Message)
				result.IsError = true
			}
			if result == nil {
				result = &ToolResult{}
			}
			value := &roomdv1.HandlerResult{Kind: &roomdv1.HandlerResult_Tool{Tool: result}}
			return &roomdv1.Result{Outcome: &roomdv1.Result_Value{Value: value}}, nil
		},
	})
}

func (t *Tool) spec() (*roomdv1.ToolSpec, error) {
	parameters, err := jsonobject.Of(t.Parameters)
	if err != nil {
		return nil, err
	}
	spec := &roomdv1.ToolSpec{
		Description: t.Description,
		Parameters:  parameters,
		ChannelIds:  t.ChannelIDs,
		Idempotent:  t.Idempotent,
	}
	if t.Timeout > 0 {
		spec.Timeout = durationpb.New(t.Timeout)
	}
	return spec, nil
}

func toolCall(asked *roomdv1.ToolCall, in *roomdv1.Invocation) *ToolCall {
	return &ToolCall{
		ID:         asked.GetToolCallId(),
		Name:       asked.GetName(),
		Arguments:  asked.GetArguments().AsMap(),
		ChannelID:  asked.GetChannelId(),
		RoomID:     in.GetRoomId(),
		Invocation: in,
	}
}
