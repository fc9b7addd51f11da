package roomd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/roomd/roomd/sdks/go/internal/serverprocess"
	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
	"github.com/roomd/roomd/sdks/go/roomdtest"
)

var placeSchema = json.RawMessage(`{
	"type": "object",
	"properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
	"required": ["city"],
	"additionalProperties": false
}`)

type place struct {
	City string `json:"city"`
	Days int    `json:"days,omitempty"`
}

type forecast struct {
	City  string   `json:"city"`
	Skies []string `json:"skies"`
}

func weather(_ context.Context, in place) (*forecast, error) {
	if in.City == "Atlantis" {
		return nil, &roomd.ToolError{Message: "it is under water"}
	}
	if in.City == "Nowhere" {
		return nil, errors.New("no such place")
	}
	return &forecast{in.City, slices.Repeat([]string{"sunny"}, max(in.Days, 1))}, nil
}

func TestAToolIsListedAndCalled(t *testing.T) {
	client := dial(t, serverprocess.Start(t))
	room := roomOf(t, client, "lobby")
	worker := roomd.NewWorker(client, roomd.WithWorkerID("meteo"))
	worker.ServeTool("weather", roomd.Tool{
		Description: "The weather of a city", Parameters: placeSchema,
	}, roomd.ToolFunc(weather))
	for number := range 3 {
		worker.ServeTool(fmt.Sprint("other-", number), roomd.Tool{
			Description: "Says the room", ChannelIDs: []string{"ws"},
		}, func(_ context.Context, call *roomd.ToolCall) (*roomd.ToolResult, error) {
			return roomd.ToolText(call.RoomID + " " + call.ChannelID + " " + call.ID), nil
		})
	}
	serve(t, worker)
	var names []string
	for tool, err := range client.ListTools(t.Context(), func(r *roomdv1.ListToolsRequest) { r.PageSize = 3 }) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, tool.GetName())
	}
	if !slices.Equal(names, []string{"other-0", "other-1", "other-2", "weather"}) {
		t.Error(names)
	}
	answer, err := client.CallTool(t.Context(), "weather", place{City: "Rome", Days: 2})
	if err != nil || answer.GetOutcome() != roomdv1.ToolOutcome_TOOL_OUTCOME_ANSWERED ||
		answer.GetResult().GetText() != `{"city":"Rome","skies":["sunny","sunny"]}` ||
		answer.GetResult().GetStructured().AsMap()["city"] != "Rome" ||
		answer.GetWorkerId() != "meteo" || answer.GetTook().AsDuration() <= 0 ||
		answer.GetToolCallId() == "" {
		t.Error(answer, err)
	}
	answer, err = client.CallTool(t.Context(), "other-1", nil, func(r *roomdv1.CallToolRequest) {
		r.RoomId, r.ChannelId, r.ToolCallId = room.ID(), "ws", "c1"
	})
	if err != nil || answer.GetResult().GetText() != "lobby ws c1" {
		t.Error(answer, err)
	}
}

func TestWhatBecomesOfAToolsCall(t *testing.T) {
	client := dial(t, serverprocess.Start(t))
	worker := roomd.NewWorker(client)
	worker.ServeTool("weather", roomd.Tool{
		Description: "The weather of a city", Parameters: placeSchema,
	}, roomd.ToolFunc(weather))
	serve(t, worker)
	for city, wanted := range map[string]roomdv1.ToolOutcome{
		"Atlantis": roomdv1.ToolOutcome_TOOL_OUTCOME_ANSWERED,
		"Nowhere":  roomdv1.ToolOutcome_TOOL_OUTCOME_FAILED,
	} {
		answer, err := client.CallTool(t.Context(), "weather", place{City: city})
		if err != nil || answer.GetOutcome() != wanted || !answer.GetResult().GetIsError() {
			t.Errorf("%s: %v %v", city, answer, err)
		}
	}
	for _, arguments := range []any{map[string]any{"city": 3}, []string{"Rome"}} {
		_, err := client.CallTool(t.Context(), "weather", arguments)
		var failed *roomd.Error
		if !errors.As(err, &failed) || failed.Reason != roomd.ErrValidation || len(failed.Violations) != 1 {
			t.Errorf("%v: %v", arguments, err)
		}
	}
	_, err := client.CallTool(t.Context(), "wether", nil)
	if !errors.Is(err, roomd.ErrToolNotFound) {
		t.Error(err)
	}
	hasty := roomd.NewWorker(client)
	hasty.ServeTool("broken", roomd.Tool{
		Description: "Not a schema", Parameters: map[string]any{"type": "nonsense"},
	}, nil)
	go hasty.Run(t.Context())
	if err := hasty.Attach(within(t, 20*time.Second)); !errors.Is(err, roomd.ErrValidation) {
		t.Error(err)
	}
}

func TestAToolThatMayHaveRunIsNotCalledAgain(t *testing.T) {
	server := serverprocess.Start(t)
	client := dial(t, server)
	worker := roomd.NewWorker(client)
	began := make(chan struct{}, 10)
	worker.ServeTool("pay", roomd.Tool{Description: "Pays"},
		func(ctx context.Context, _ *roomd.ToolCall) (*roomd.ToolResult, error) {
			began <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		})
	serve(t, worker)
	ctx := within(t, 30*time.Second)
	failed := make(chan error, 1)
	go func() {
		_, err := client.CallTool(ctx, "pay", nil)
		failed <- err
	}()
	<-began
	server.Kill()
	if err := <-failed; status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
	// While the server is away nothing runs: a call waits for it.
	go func() {
		_, err := client.CallTool(ctx, "tax", nil)
		failed <- err
	}()
	server.Again()
	if err := <-failed; !errors.Is(err, roomd.ErrToolNotFound) {
		t.Error(err)
	}
}

func TestATriedCallIsKnownByItsID(t *testing.T) {
	server := roomdtest.NewServer(t)
	var ids []string
	roomdtest.Answer(server, roomdv1.AgentService_CallTool_FullMethodName,
		func(_ context.Context, request *roomdv1.CallToolRequest) (*roomdv1.CallToolResponse, error) {
			if ids = append(ids, request.GetToolCallId()); len(ids) < 3 {
				return nil, noWorker(t)
			}
			return &roomdv1.CallToolResponse{}, nil
		})
	if _, err := server.Client().CallTool(within(t, 20*time.Second), "pay", nil); err != nil {
		t.Error(err)
	}
	if len(ids) != 3 || ids[0] == "" || ids[0] != ids[1] || ids[1] != ids[2] {
		t.Error(ids)
	}
}

func noWorker(t *testing.T) error {
	t.Helper()
	why := status.New(codes.Unavailable, "nobody runs it now")
	detailed, err := why.WithDetails(&errdetails.ErrorInfo{Reason: string(roomd.ErrNoWorker)})
	if err != nil {
		t.Fatal(err)
	}
	return detailed.Err()
}
