package roomd

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

func TestEveryReasonOfTheProtocolHasAConstant(t *testing.T) {
	source, err := os.ReadFile("reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	for number, name := range roomdv1.ErrorReason_name {
		short := strings.TrimPrefix(name, "ERROR_REASON_")
		if number != 0 && !strings.Contains(string(source), `Reason("`+short+`")`) {
			t.Errorf("no constant for %s", short)
		}
	}
}

func TestCodesAreNamedAsInTheProtocol(t *testing.T) {
	for code, name := range map[codes.Code]Reason{
		codes.OK: "OK", codes.NotFound: "NOT_FOUND", codes.Unavailable: "UNAVAILABLE",
		codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.Unauthenticated: "UNAUTHENTICATED",
	} {
		if got := codeName(code); got != name {
			t.Errorf("%v is named %s", code, string(got))
		}
	}
}

func TestAStatusWithoutAReasonIsNamedByItsCode(t *testing.T) {
	err := errorOf(status.Error(codes.Unavailable, "gone"))
	if err.Reason != "UNAVAILABLE" || status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
	if size := errorOf(status.Error(codes.ResourceExhausted, "larger than max")); !errors.Is(size, ErrMessageTooLarge) {
		t.Error(size)
	}
}

func TestWaitsDoubleUpToTheLimit(t *testing.T) {
	policy := DefaultReconnect()
	policy.Jitter = func() float64 { return 1 }
	dialling := redial{policy: policy}
	var waits []time.Duration
	for range 9 {
		waits = append(waits, dialling.wait(time.Now()))
	}
	if waits[0] != 100*time.Millisecond || waits[3] != 800*time.Millisecond || waits[8] != 10*time.Second {
		t.Error(waits)
	}
	if again := dialling.wait(time.Now().Add(-time.Minute)); again != 100*time.Millisecond {
		t.Errorf("after a good stream: %v", again)
	}
	if wish := dialling.wish(time.Millisecond, time.Time{}); wish != 200*time.Millisecond {
		t.Errorf("a wish that comes again: %v", wish)
	}
}

func TestBatchesAreNotTooLarge(t *testing.T) {
	one := &roomdv1.Result{InvocationId: strings.Repeat("x", 100)}
	results := []*roomdv1.Result{one, one, one, one, one}
	limit := 2*proto.Size(one) + 1
	made := batches(results, resultSize, limit)
	if len(made) != 3 || len(made[0]) != 2 || len(made[2]) != 1 {
		t.Errorf("%d batches", len(made))
	}
	if all := batches(results, resultSize, 1<<20); len(all) != 1 || len(all[0]) != 5 {
		t.Error("what is ready together does not leave together")
	}
	if batches(nil, resultSize, limit) != nil {
		t.Error("an empty batch")
	}
}

func TestWhatCreatesSomethingGetsAKey(t *testing.T) {
	request := &roomdv1.SendEventRequest{RoomId: "lobby"}
	keyed := withKey(request).(*roomdv1.SendEventRequest)
	if keyed.GetIdempotencyKey() == "" || request.GetIdempotencyKey() != "" {
		t.Error("the caller's message is the one that is sent")
	}
	own := &roomdv1.SendEventRequest{IdempotencyKey: "mine"}
	if withKey(own) != any(own) {
		t.Error("the caller's key is not kept")
	}
}

func TestACallOfAToolMayTakeAsLongAsTheToolMay(t *testing.T) {
	// A tool's timeout is at most 300 s, which it may extend to ten times that.
	limit := new(options).timeoutOf(&roomdv1.CallToolRequest{})
	if limit <= 10*300*time.Second {
		t.Errorf("it is given up after %v", limit)
	}
}

// newer is an event whose content this SDK does not know.
func newer(t *testing.T) *roomdv1.RoomEvent {
	t.Helper()
	content := &roomdv1.Content{}
	// Field 99, a message of two bytes.
	if err := proto.Unmarshal([]byte{0x9a, 0x06, 0x02, 0x08, 0x01}, content); err != nil {
		t.Fatal(err)
	}
	return &roomdv1.RoomEvent{
		RoomId: "lobby", Content: content, Type: roomdv1.EventType(99), Metadata: &structpb.Struct{},
	}
}

func TestWhatIsNewerSurvivesAChange(t *testing.T) {
	call := &EventCall{Event: newer(t), Invocation: &roomdv1.Invocation{
		Trigger: roomdv1.HookTrigger_HOOK_TRIGGER_BEFORE_BROADCAST,
	}}
	decision, err := call.Modify(func(event *roomdv1.RoomEvent) {
		event.Metadata.Fields = map[string]*structpb.Value{"seen": structpb.NewBoolValue(true)}
	})
	if err != nil {
		t.Fatal(err)
	}
	changed := decision.GetModify().GetPayload().GetEvent()
	if !proto.Equal(changed.GetContent(), call.Event.GetContent()) || changed.GetType() != 99 {
		t.Error("it was lost")
	}
	if paths := decision.GetModify().GetUpdateMask().GetPaths(); len(paths) != 1 || paths[0] != "event.metadata" {
		t.Error(paths)
	}
}

func TestWhatATriggerDoesNotTakeIsRefused(t *testing.T) {
	for trigger, isAllowed := range map[roomdv1.HookTrigger]bool{
		roomdv1.HookTrigger_HOOK_TRIGGER_BEFORE_BROADCAST: true,
		roomdv1.HookTrigger_HOOK_TRIGGER_BEFORE_DELIVER:   false,
		roomdv1.HookTrigger_HOOK_TRIGGER_AFTER_BROADCAST:  false,
	} {
		call := &EventCall{Event: newer(t), Invocation: &roomdv1.Invocation{Trigger: trigger}}
		_, err := call.Modify(func(event *roomdv1.RoomEvent) {
			event.Visibility = &roomdv1.Visibility{Scope: roomdv1.Visibility_SCOPE_NONE}
		})
		if isAllowed != (err == nil) || !isAllowed && !errors.Is(err, ErrMaskNotMutable) {
			t.Errorf("%v: %v", trigger, err)
		}
	}
	call := &EventCall{Event: newer(t), Invocation: &roomdv1.Invocation{
		Trigger: roomdv1.HookTrigger_HOOK_TRIGGER_BEFORE_BROADCAST,
	}}
	_, err := call.Modify(func(event *roomdv1.RoomEvent) {
		event.Metadata.Fields = map[string]*structpb.Value{"_sent_time": structpb.NewBoolValue(true)}
	})
	if !errors.Is(err, ErrMaskNotMutable) {
		t.Error(err)
	}
}

func TestTextOfFindsTheWords(t *testing.T) {
	composite := &roomdv1.Content{Kind: &roomdv1.Content_Composite{Composite: &roomdv1.CompositeContent{
		Parts: []*roomdv1.Content{Text("one"), Markdown("**two**", "two"), {}},
	}}}
	if got := TextOf(&roomdv1.RoomEvent{Content: composite}); got != "one\ntwo" {
		t.Errorf("%q", got)
	}
	if got := TextOf(nil); got != "" {
		t.Errorf("%q", got)
	}
}
