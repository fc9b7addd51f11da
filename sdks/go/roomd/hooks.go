package roomd

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// Decision is a deciding hook's answer: [Allow], [Block] or [EventCall.Modify], and what the hook
// adds to the room (injected events, tasks, observations, metadata).
type Decision = roomdv1.HookDecision

// Findings are what an observer found: tasks and observations to store. nil is fine.
type Findings = roomdv1.Done

// Allow lets the event go on.
func Allow() *Decision {
	return &Decision{Action: &roomdv1.HookDecision_Allow{Allow: &roomdv1.Allow{}}}
}

// Block stops the event: it is stored BLOCKED, the caller is told the reason.
func Block(reason string) *Decision {
	return &Decision{Action: &roomdv1.HookDecision_Block{Block: &roomdv1.Block{Reason: reason}}}
}

// EventCall asks a hook about an event. Both messages are the hook's to read, not to write: a
// change is made with Modify.
type EventCall struct {
	Event      *roomdv1.RoomEvent
	Invocation *roomdv1.Invocation
}

// DeliveryCall tells an observer that a delivery changed its state.
type DeliveryCall struct {
	Delivery   *roomdv1.Delivery
	Invocation *roomdv1.Invocation
}

// ObservationCall tells an observer about an observation.
type ObservationCall struct {
	Observation *roomdv1.Observation
	Invocation  *roomdv1.Invocation
}

// Hook is a hook as it is attached; options change it before that.
type Hook struct {
	// Spec describes it to the server; nil attaches to the hook of this name that is stored there.
	Spec *roomdv1.HookSpec
	// MaxInFlight bounds how many calls it serves at once; 0: only the window does.
	MaxInFlight int32
	// ETag changes the settings for everybody who serves it; "*" whatever they are.
	ETag string
}

// HookOption changes how a hook is attached.
type HookOption func(*Hook)

// On sets when the hook runs, in place of the usual trigger of its kind.
func On(triggers ...roomdv1.HookTrigger) HookOption {
	return func(h *Hook) { h.Spec.Triggers = triggers }
}

// Priority orders deciding hooks: lower runs first, equal ones by name.
func Priority(priority int32) HookOption { return func(h *Hook) { h.Spec.Priority = priority } }

// Timeout bounds one call: at most 10 s for hooks that decide, 300 s for observers.
func Timeout(timeout time.Duration) HookOption {
	return func(h *Hook) { h.Spec.Timeout = durationpb.New(timeout) }
}

// Validates makes a hook that may only allow or block; those of one priority run side by side.
func Validates() HookOption {
	return func(h *Hook) { h.Spec.Mode = roomdv1.HookMode_HOOK_MODE_VALIDATE }
}

// Persistent keeps the hook and its failure policy when nobody serves it. Without it the hook is
// gone with its last session.
func Persistent(policy roomdv1.FailurePolicy) HookOption {
	return func(h *Hook) {
		h.Spec.Lifetime = roomdv1.Lifetime_LIFETIME_PERSISTENT
		h.Spec.FailurePolicy = policy
	}
}

// Durable keeps what an observer is to see until it has answered: at least once, in order in each
// room, also over crashes and while nobody serves it. The hook is PERSISTENT then. An error is
// tried again with growing waits, up to so many attempts (0: 10), unless it says [GiveUp]; then
// it is parked (Hooks.ListParkedInvocations). The invocation's id is the same over all attempts.
func Durable(maxAttempts int32) HookOption {
	return func(h *Hook) {
		h.Spec.Delivery = roomdv1.HookDelivery_HOOK_DELIVERY_DURABLE
		h.Spec.Lifetime = roomdv1.Lifetime_LIFETIME_PERSISTENT
		h.Spec.MaxAttempts = maxAttempts
	}
}

// InRooms limits the hook to rooms.
func InRooms(roomIDs ...string) HookOption {
	return func(h *Hook) { h.filter().RoomIds = roomIDs }
}

// OnChannels limits the hook to events of channels.
func OnChannels(channelIDs ...string) HookOption {
	return func(h *Hook) { h.filter().ChannelIds = channelIDs }
}

// WithRoom tells the hook about the room (Invocation.Context): the room itself, its bindings and
// participants, and its newest events.
func WithRoom(recentEvents int32) HookOption {
	return func(h *Hook) {
		h.Spec.Context = &roomdv1.ContextSelection{
			Room: true, Bindings: true, Participants: true, RecentEvents: recentEvents,
		}
	}
}

// Stored attaches to the hook of this name that is stored in the server, as it is there.
func Stored() HookOption { return func(h *Hook) { h.Spec = nil } }

func (h *Hook) filter() *roomdv1.HookFilter {
	if h.Spec.Filter == nil {
		h.Spec.Filter = &roomdv1.HookFilter{}
	}
	return h.Spec.Filter
}

// OnEvent serves a hook that decides: by default before every broadcast. Its room waits for it,
// so it must not call back into the room (ErrWouldDeadlock). An error, a panic or too long a
// silence is a failure; then the hook's failure policy applies.
func (w *Worker) OnEvent(
	name string, decide func(context.Context, *EventCall) (*Decision, error), more ...HookOption,
) {
	hook := newHook(roomdv1.HookMode_HOOK_MODE_DECIDE,
		roomdv1.HookTrigger_HOOK_TRIGGER_BEFORE_BROADCAST, more)
	w.addHook(name, hook, func(ctx context.Context, in *roomdv1.Invocation) (*roomdv1.Result, error) {
		event := in.GetHook().GetEvent()
		if event == nil {
			return nil, unknownKind("payload", name)
		}
		decision, err := decide(ctx, &EventCall{Event: event, Invocation: in})
		if err != nil {
			return nil, err
		}
		if decision.GetAction() == nil {
			return nil, refusal(roomdv1.ErrorReason_ERROR_REASON_VALIDATION,
				"a deciding hook must allow, block or modify")
		}
		return &roomdv1.Result{Outcome: &roomdv1.Result_Decision{Decision: decision}}, nil
	})
}

// ObserveEvent serves a hook that watches what has happened: by default every broadcast.
func (w *Worker) ObserveEvent(
	name string, watch func(context.Context, *EventCall) (*Findings, error), more ...HookOption,
) {
	w.observe(name, roomdv1.HookTrigger_HOOK_TRIGGER_AFTER_BROADCAST, more,
		func(ctx context.Context, in *roomdv1.Invocation) (*Findings, error) {
			event := in.GetHook().GetEvent()
			if event == nil {
				return nil, unknownKind("payload", name)
			}
			return watch(ctx, &EventCall{Event: event, Invocation: in})
		})
}

// OnDelivery serves a hook that watches deliveries change their state.
func (w *Worker) OnDelivery(
	name string, watch func(context.Context, *DeliveryCall) (*Findings, error), more ...HookOption,
) {
	w.observe(name, roomdv1.HookTrigger_HOOK_TRIGGER_ON_DELIVERY_STATUS, more,
		func(ctx context.Context, in *roomdv1.Invocation) (*Findings, error) {
			delivery := in.GetHook().GetDelivery()
			if delivery == nil {
				return nil, unknownKind("payload", name)
			}
			return watch(ctx, &DeliveryCall{Delivery: delivery, Invocation: in})
		})
}

// OnObservation serves a hook that watches observations: by default feedback.
func (w *Worker) OnObservation(
	name string, watch func(context.Context, *ObservationCall) (*Findings, error),
	more ...HookOption,
) {
	w.observe(name, roomdv1.HookTrigger_HOOK_TRIGGER_ON_FEEDBACK, more,
		func(ctx context.Context, in *roomdv1.Invocation) (*Findings, error) {
			observation := in.GetHook().GetObservation()
			if observation == nil {
				return nil, unknownKind("payload", name)
			}
			return watch(ctx, &ObservationCall{Observation: observation, Invocation: in})
		})
}

func (w *Worker) observe(
	name string, trigger roomdv1.HookTrigger, more []HookOption,
	watch func(context.Context, *roomdv1.Invocation) (*Findings, error),
) {
	hook := newHook(roomdv1.HookMode_HOOK_MODE_OBSERVE, trigger, more)
	w.addHook(name, hook, func(ctx context.Context, in *roomdv1.Invocation) (*roomdv1.Result, error) {
		found, err := watch(ctx, in)
		if err != nil {
			return nil, err
		}
		if found == nil {
			found = &Findings{}
		}
		return &roomdv1.Result{Outcome: &roomdv1.Result_Done{Done: found}}, nil
	})
}

func newHook(mode roomdv1.HookMode, trigger roomdv1.HookTrigger, more []HookOption) *Hook {
	made := &Hook{Spec: &roomdv1.HookSpec{
		Mode:     mode,
		Triggers: []roomdv1.HookTrigger{trigger},
		Lifetime: roomdv1.Lifetime_LIFETIME_SESSION,
	}}
	for _, option := range more {
		option(made)
	}
	return made
}

func (w *Worker) addHook(name string, hook *Hook, serve serveFunc) {
	wire := &roomdv1.Handler{Name: name, MaxInFlight: hook.MaxInFlight, Etag: hook.ETag}
	if hook.Spec != nil {
		wire.Spec = &roomdv1.HandlerSpec{Kind: &roomdv1.HandlerSpec_Hook{Hook: hook.Spec}}
	}
	w.add(&handler{wire: wire, serve: serve})
}
