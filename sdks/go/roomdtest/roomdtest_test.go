package roomdtest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
	"github.com/roomd/roomd/sdks/go/roomdtest"
)

func noSpam(_ context.Context, call *roomd.EventCall) (*roomd.Decision, error) {
	text := roomd.TextOf(call.Event)
	switch {
	case strings.Contains(text, "spam"):
		return roomd.Block("spam"), nil
	case strings.Contains(text, "shout"):
		return call.Modify(func(event *roomdv1.RoomEvent) { event.Content = roomd.Text("psst") })
	case text == "forge":
		return call.Modify(func(event *roomdv1.RoomEvent) { event.EventId = "mine" })
	case text == "fail":
		return nil, errors.New("no database")
	case text == "panic":
		panic("no way")
	case text == "undecided":
		return &roomd.Decision{}, nil
	}
	return roomd.Allow(), nil
}

func serving(t *testing.T) *roomdtest.Server {
	t.Helper()
	server := roomdtest.NewServer(t)
	worker := roomd.NewWorker(server.Client())
	worker.OnEvent("no-spam", noSpam, roomd.Priority(7))
	server.Serve(worker)
	return server
}

func TestAHookIsAsked(t *testing.T) {
	server := serving(t)
	for text, reason := range map[string]string{"hello": "", "buy spam": "spam"} {
		decision, err := server.Decide(t.Context(), "no-spam", roomdtest.Message("lobby", text))
		if err != nil || decision.GetBlock().GetReason() != reason {
			t.Errorf("%s: %v %v", text, decision, err)
		}
	}
	if spec := server.Spec("no-spam").GetHook(); spec.GetPriority() != 7 {
		t.Errorf("%v", spec)
	}
}

func TestAChangeNamesOnlyWhatDiffers(t *testing.T) {
	decision, err := serving(t).Decide(t.Context(), "no-spam", roomdtest.Message("lobby", "shout"))
	if err != nil {
		t.Fatal(err)
	}
	paths := decision.GetModify().GetUpdateMask().GetPaths()
	if len(paths) != 1 || paths[0] != "event.content" {
		t.Error(paths)
	}
}

func TestFailuresAreAnswers(t *testing.T) {
	server := serving(t)
	for text, wanted := range map[string]roomdv1.ErrorReason{
		"forge":     roomdv1.ErrorReason_ERROR_REASON_MASK_NOT_MUTABLE,
		"fail":      roomdv1.ErrorReason_ERROR_REASON_SERVER_FAULT,
		"panic":     roomdv1.ErrorReason_ERROR_REASON_SERVER_FAULT,
		"undecided": roomdv1.ErrorReason_ERROR_REASON_VALIDATION,
	} {
		_, err := server.Decide(t.Context(), "no-spam", roomdtest.Message("lobby", text))
		var failure *roomdtest.Failure
		if !errors.As(err, &failure) || failure.GetStatus().GetReason() != wanted {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := server.Decide(t.Context(), "no-spam", roomdtest.Message("lobby", "hi")); err != nil {
		t.Error("the worker does not live on:", err)
	}
}

func TestAHandlerEndsWithItsCaller(t *testing.T) {
	server := roomdtest.NewServer(t)
	worker := roomd.NewWorker(server.Client())
	causes := make(chan error, 2)
	worker.OnEvent("slow", func(ctx context.Context, _ *roomd.EventCall) (*roomd.Decision, error) {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return nil, ctx.Err()
	}, roomd.Timeout(50*time.Millisecond))
	server.Serve(worker)
	event := roomdtest.Message("lobby", "hi")
	if _, err := server.Decide(t.Context(), "slow", event); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if cause := <-causes; !errors.Is(cause, context.DeadlineExceeded) {
		t.Error(cause)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err := server.Invoke(ctx, &roomdv1.Invocation{
		Handler: "slow", Timeout: durationpb.New(time.Minute),
		Input: &roomdv1.Invocation_Hook{Hook: &roomdv1.HookPayload{
			Kind: &roomdv1.HookPayload_Event{Event: event},
		}},
	})
	if err == nil {
		t.Error("it answered")
	}
	var cancelled *roomd.CancelledError
	if cause := <-causes; !errors.As(cause, &cancelled) ||
		cancelled.Reason != roomdv1.Cancel_REASON_CALLER_GONE {
		t.Error(cause)
	}
}

func TestAChannelIsServed(t *testing.T) {
	server := roomdtest.NewServer(t)
	worker := roomd.NewWorker(server.Client())
	worker.ServeChannel("pager", roomd.ChannelProvider{
		Deliver: func(_ context.Context, asked *roomdv1.ChannelDelivery) (*roomdv1.DeliveryOutcome, error) {
			if asked.GetRecipient() == "" {
				return nil, &roomd.DeliveryError{Code: "no_number", Permanent: true}
			}
			return roomd.Sent("p-1"), nil
		},
		Respond: func(_ context.Context, call *roomd.ResponseCall) (*roomdv1.Response, error) {
			for _, part := range []string{"I ", "hear ", roomd.TextOf(call.GetEvent())} {
				if err := call.Emit(part); err != nil {
					return nil, err
				}
			}
			return nil, nil
		},
	})
	worker.ServeRouter("by-sender", func(_ context.Context, message *roomdv1.InboundMessage) (string, error) {
		return "room-" + message.GetSenderId(), nil
	})
	server.Serve(worker)
	asked := &roomdv1.ChannelDelivery{Event: roomdtest.Message("lobby", "you"), Recipient: "7"}
	result, _, err := server.Call(t.Context(), "pager", &roomdv1.HandlerCall{
		Kind: &roomdv1.HandlerCall_Deliver{Deliver: asked},
	})
	if err != nil || result.GetDelivery().GetResult().GetProviderMessageId() != "p-1" {
		t.Error(result, err)
	}
	result, _, err = server.Call(t.Context(), "pager", &roomdv1.HandlerCall{
		Kind: &roomdv1.HandlerCall_Deliver{Deliver: &roomdv1.ChannelDelivery{}},
	})
	failed := result.GetDelivery().GetResult()
	if err != nil || failed.GetErrorCode() != "no_number" || failed.GetRetryable() {
		t.Error(result, err)
	}
	_, chunks, err := server.Call(t.Context(), "pager", &roomdv1.HandlerCall{
		Kind: &roomdv1.HandlerCall_Respond{Respond: asked},
	})
	if err != nil || strings.Join(chunks, "") != "I hear you" {
		t.Error(chunks, err)
	}
	result, _, err = server.Call(t.Context(), "by-sender", &roomdv1.HandlerCall{
		Kind: &roomdv1.HandlerCall_Route{Route: &roomdv1.InboundMessage{SenderId: "ann"}},
	})
	if err != nil || result.GetRoute().GetRoomId() != "room-ann" {
		t.Error(result, err)
	}
}

func TestAnAnswerThatCannotBeWrittenEndsNoStream(t *testing.T) {
	server := roomdtest.NewServer(t)
	worker := roomd.NewWorker(server.Client())
	worker.OnEvent("h", func(_ context.Context, call *roomd.EventCall) (*roomd.Decision, error) {
		switch words := "caf\xe9"; roomd.TextOf(call.Event) {
		case "block":
			return roomd.Block(words), nil
		case "fail":
			return nil, errors.New(words)
		}
		return roomd.Allow(), nil
	})
	worker.ServeChannel("c", roomd.ChannelProvider{
		Respond: func(_ context.Context, call *roomd.ResponseCall) (*roomdv1.Response, error) {
			return nil, call.Emit("caf\xe9")
		},
	})
	server.Serve(worker)
	said := map[string]string{
		"block": "the handler's answer cannot be sent: string field contains invalid UTF-8",
		"fail":  "caf\uFFFD",
	}
	for text, wanted := range said {
		_, err := server.Decide(t.Context(), "h", roomdtest.Message("lobby", text))
		if err == nil || err.Error() != wanted {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, _, err := server.Call(t.Context(), "c", &roomdv1.HandlerCall{
		Kind: &roomdv1.HandlerCall_Respond{Respond: &roomdv1.ChannelDelivery{}},
	})
	var failure *roomdtest.Failure
	if !errors.As(err, &failure) || failure.GetStatus().GetReason() != roomdv1.ErrorReason_ERROR_REASON_VALIDATION {
		t.Error(err)
	}
	if _, err := server.Decide(t.Context(), "h", roomdtest.Message("lobby", "hello")); err != nil {
		t.Error("the stream ended:", err)
	}
}

func TestObserversFindThings(t *testing.T) {
	server := roomdtest.NewServer(t)
	worker := roomd.NewWorker(server.Client())
	worker.ObserveEvent("watch", func(context.Context, *roomd.EventCall) (*roomd.Findings, error) {
		return &roomd.Findings{Tasks: []*roomdv1.Task{{Title: "call back"}}}, nil
	})
	worker.OnDelivery("lost", func(_ context.Context, call *roomd.DeliveryCall) (*roomd.Findings, error) {
		if call.Delivery.GetResult().GetState() == roomdv1.DeliveryState_DELIVERY_STATE_FAILED {
			return &roomd.Findings{Tasks: []*roomdv1.Task{{Title: "look"}}}, nil
		}
		return nil, nil
	})
	worker.OnObservation("mood", func(_ context.Context, call *roomd.ObservationCall) (*roomd.Findings, error) {
		return nil, roomd.Retryable(errors.New(call.Observation.GetCategory()), time.Second)
	})
	worker.ObserveEvent("audit", func(_ context.Context, call *roomd.EventCall) (*roomd.Findings, error) {
		if roomd.TextOf(call.Event) == "poison" {
			return nil, roomd.GiveUp(errors.New("never"))
		}
		return nil, errors.New("not now")
	}, roomd.Durable(3))
	server.Serve(worker)
	if spec := server.Spec("audit").GetHook(); spec.GetMaxAttempts() != 3 ||
		spec.GetDelivery() != roomdv1.HookDelivery_HOOK_DELIVERY_DURABLE ||
		spec.GetLifetime() != roomdv1.Lifetime_LIFETIME_PERSISTENT {
		t.Error(spec)
	}
	for text, isRetryable := range map[string]bool{"poison": false, "hello": true} {
		_, err := server.Observe(t.Context(), "audit", &roomdv1.HookPayload{
			Kind: &roomdv1.HookPayload_Event{Event: roomdtest.Message("lobby", text)},
		})
		var failure *roomdtest.Failure
		if !errors.As(err, &failure) || failure.GetRetryable() != isRetryable {
			t.Errorf("%s: %v", text, err)
		}
	}
	found, err := server.Observe(t.Context(), "watch", &roomdv1.HookPayload{
		Kind: &roomdv1.HookPayload_Event{Event: roomdtest.Message("lobby", "help")},
	})
	if err != nil || found.GetTasks()[0].GetTitle() != "call back" {
		t.Error(found, err)
	}
	found, err = server.Observe(t.Context(), "lost", &roomdv1.HookPayload{
		Kind: &roomdv1.HookPayload_Delivery{Delivery: &roomdv1.Delivery{}},
	})
	if err != nil || found == nil || len(found.GetTasks()) != 0 {
		t.Error(found, err)
	}
	_, err = server.Observe(t.Context(), "mood", &roomdv1.HookPayload{
		Kind: &roomdv1.HookPayload_Observation{Observation: &roomdv1.Observation{Category: "sour"}},
	})
	var failure *roomdtest.Failure
	if !errors.As(err, &failure) || !failure.GetRetryable() ||
		failure.GetRetryAfter().AsDuration() != time.Second || failure.Error() != "sour" {
		t.Error(err)
	}
}

func TestAHandlerCallsTheServer(t *testing.T) {
	server := roomdtest.NewServer(t)
	roomdtest.Answer(server, roomdv1.RoomService_GetRoom_FullMethodName,
		func(_ context.Context, request *roomdv1.GetRoomRequest) (*roomdv1.GetRoomResponse, error) {
			return &roomdv1.GetRoomResponse{Room: &roomdv1.Room{
				RoomId: request.GetRoomId(), EventCount: 5,
			}}, nil
		})
	worker := roomd.NewWorker(server.Client())
	worker.OnEvent("busy", func(ctx context.Context, call *roomd.EventCall) (*roomd.Decision, error) {
		room, err := server.Client().Room(call.Event.GetRoomId()).Get(ctx)
		if err != nil {
			return nil, err
		}
		if room.GetEventCount() >= 5 {
			return roomd.Block("full"), nil
		}
		return roomd.Allow(), nil
	})
	server.Serve(worker)
	decision, err := server.Decide(t.Context(), "busy", roomdtest.Message("lobby", "hi"))
	if err != nil || decision.GetBlock().GetReason() != "full" {
		t.Error(decision, err)
	}
	if _, err := server.Client().Room("lobby").Create(t.Context()); !errors.Is(err, roomd.Reason("UNIMPLEMENTED")) {
		t.Error(err)
	}
}
