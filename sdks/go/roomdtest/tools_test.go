package roomdtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
	"github.com/roomd/roomd/sdks/go/roomdtest"
)

type journey struct {
	City string   `json:"city"`
	Days int      `json:"days"`
	Via  []string `json:"via,omitempty"`
}

// servingTool serves one tool of the name "t".
func servingTool(t *testing.T, tool roomd.Tool, run roomd.ToolHandler) *roomdtest.Server {
	t.Helper()
	server := roomdtest.NewServer(t)
	worker := roomd.NewWorker(server.Client())
	worker.ServeTool("t", tool, run)
	server.Serve(worker)
	return server
}

func TestAToolGetsItsArgumentsAsAStruct(t *testing.T) {
	server := servingTool(t, roomd.Tool{}, roomd.ToolFunc(
		func(_ context.Context, in journey) (string, error) {
			return fmt.Sprintf("%s, %d days, via %v", in.City, in.Days, in.Via), nil
		}))
	for _, arguments := range []any{
		journey{City: "Rome", Days: 3, Via: []string{"Lyon"}},
		map[string]any{"city": "Rome", "days": 3.0, "via": []string{"Lyon"}},
		json.RawMessage(`{"city": "Rome", "days": 3, "via": ["Lyon"]}`),
	} {
		result, err := server.CallTool(t.Context(), "t", arguments)
		if err != nil || result.GetText() != "Rome, 3 days, via [Lyon]" || result.GetIsError() {
			t.Error(result, err)
		}
	}
	result, err := server.CallTool(t.Context(), "t", map[string]any{"days": 1.5})
	if err != nil || !result.GetIsError() || !strings.Contains(result.GetText(), "days") {
		t.Error("the model is not told what is wrong:", result, err)
	}
	if _, err := server.CallTool(t.Context(), "t", []string{"Rome"}); err == nil {
		t.Error("a list was taken for arguments")
	}
}

func TestAToolAnswersWithAValue(t *testing.T) {
	server := servingTool(t, roomd.Tool{}, roomd.ToolFunc(
		func(_ context.Context, in map[string]any) (any, error) { return in["answer"], nil }))
	for answer, wanted := range map[string]*roomd.ToolResult{
		`"<b>"`:                   {Text: "<b>"},
		`["<b>", 1]`:              {Text: `["<b>",1]`},
		`{"b": 2.5, "a": "<b>"}`:  {Text: `{"a":"<b>","b":2.5}`},
		`null`:                    {Text: "null"},
		`12345678901234567890123`: {Text: "1.2345678901234568e+22"},
	} {
		result, err := server.CallTool(t.Context(), "t", json.RawMessage(`{"answer": `+answer+`}`))
		if err != nil {
			t.Fatal(err)
		}
		structured := result.GetStructured()
		result.Structured = nil
		if !proto.Equal(result, wanted) {
			t.Errorf("%s: %v", answer, result)
		}
		if !strings.HasPrefix(answer, "{") {
			if structured != nil {
				t.Errorf("%s is no object, and structured", answer)
			}
			continue
		}
		if got := structured.AsMap(); len(got) != 2 || got["a"] != "<b>" || got["b"] != 2.5 {
			t.Errorf("%s: %v", answer, structured)
		}
	}
}

func TestAToolIsToldWhoCalls(t *testing.T) {
	server := servingTool(t, roomd.Tool{}, func(ctx context.Context, call *roomd.ToolCall) (*roomd.ToolResult, error) {
		if roomd.InvocationOf(ctx) != call.Invocation {
			t.Error("not its invocation")
		}
		return roomd.ToolJSON([]any{call.ID, call.Name, call.ChannelID, call.RoomID, call.Arguments})
	})
	result, _, err := server.Invoke(t.Context(), &roomdv1.Invocation{
		Handler: "t", RoomId: "lobby", ReplyExpected: true,
		Input: &roomdv1.Invocation_Call{Call: &roomdv1.HandlerCall{Kind: &roomdv1.HandlerCall_Tool{
			Tool: &roomdv1.ToolCall{ToolCallId: "c1", Name: "t", ChannelId: "ai"},
		}}},
	})
	if got := result.GetValue().GetTool().GetText(); err != nil || got != `["c1","t","ai","lobby",{}]` {
		t.Error(got, err)
	}
}

func TestWhatWentWrongInAToolIsToldApart(t *testing.T) {
	server := servingTool(t, roomd.Tool{}, func(_ context.Context, call *roomd.ToolCall) (*roomd.ToolResult, error) {
		switch call.Arguments["how"] {
		case "told":
			return nil, fmt.Errorf("weather: %w", &roomd.ToolError{Message: "no such city"})
		case "bytes":
			return roomd.ToolText("caf\xe9"), nil
		case "failed":
			return nil, errors.New("no database")
		case "panic":
			panic("no way")
		case "unwritable":
			return roomd.ToolJSON(func() {})
		}
		return nil, nil
	})
	for how, wanted := range map[string]*roomd.ToolResult{
		"told": {Text: "no such city", IsError: true}, "silent": {},
		"bytes": {Text: "caf\uFFFD"},
	} {
		result, err := server.CallTool(t.Context(), "t", map[string]any{"how": how})
		if err != nil || !proto.Equal(result, wanted) {
			t.Errorf("%s: %v %v", how, result, err)
		}
	}
	for how, words := range map[string]string{
		"failed": "no database", "panic": "no way", "unwritable": "unsupported type",
	} {
		_, err := server.CallTool(t.Context(), "t", map[string]any{"how": how})
		var failure *roomdtest.Failure
		if !errors.As(err, &failure) || !strings.Contains(failure.Error(), words) || failure.GetRetryable() {
			t.Errorf("%s: %v", how, err)
		}
	}
	_, _, err := server.Call(t.Context(), "t", &roomdv1.HandlerCall{})
	var failure *roomdtest.Failure
	if !errors.As(err, &failure) || failure.GetStatus().GetReason() != roomdv1.ErrorReason_ERROR_REASON_METHOD_UNKNOWN {
		t.Error("asked what it does not know:", err)
	}
}

func TestAToolIsAttachedAsDescribed(t *testing.T) {
	schema := map[string]any{"type": "object", "required": []string{"city"}}
	server := servingTool(t, roomd.Tool{
		Description: "The weather", Parameters: schema, ChannelIDs: []string{"ai"},
		Timeout: 20 * time.Millisecond, Idempotent: true,
	}, func(ctx context.Context, _ *roomd.ToolCall) (*roomd.ToolResult, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	spec := server.Spec("t").GetTool()
	required := spec.GetParameters().GetFields()["required"].GetListValue().AsSlice()
	if spec.GetDescription() != "The weather" || !spec.GetIdempotent() ||
		!slices.Equal(spec.GetChannelIds(), []string{"ai"}) || !slices.Equal(required, []any{"city"}) {
		t.Error(spec)
	}
	if _, err := server.CallTool(t.Context(), "t", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("its timeout does not hold:", err)
	}
	bare := servingTool(t, roomd.Tool{Description: "Anything"}, nil)
	if spec := bare.Spec("t").GetTool(); !proto.Equal(spec, &roomdv1.ToolSpec{Description: "Anything"}) {
		t.Error("something was added:", spec)
	}
}

func TestASchemaThatIsNoObjectIsRefusedByAttach(t *testing.T) {
	server := roomdtest.NewServer(t)
	worker := roomd.NewWorker(server.Client())
	for name, schema := range map[string]any{"a": "any", "b": json.RawMessage(`{"type"`)} {
		worker.ServeTool(name, roomd.Tool{Parameters: schema}, nil)
	}
	worker.ServeTool("good", roomd.Tool{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	err := worker.Attach(ctx)
	var refused *roomd.HandlerError
	if !errors.As(err, &refused) || !errors.Is(err, roomd.ErrValidation) {
		t.Error(err)
	}
	if server.Spec("good") == nil || server.Spec("a") != nil || server.Spec("b") != nil {
		t.Error("the others are not served")
	}
	worker.ServeTool("a", roomd.Tool{Parameters: map[string]any{"type": "object"}}, nil)
	worker.Detach("b")
	if err := worker.Attach(ctx); err != nil {
		t.Error("it stays refused:", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
