package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// step is one thing that a handler does: a name and what belongs to it.
type step map[string]json.RawMessage

func (s step) has(name string) bool { return s[name] != nil }

// valueOf is what belongs to a step.
func valueOf[T any](s step, name string) T {
	var value T
	if err := json.Unmarshal(s[name], &value); err != nil {
		panic(name + ": " + err.Error()) // the case is wrong: fails it loudly
	}
	return value
}

// run does the steps of a handler that is told a message; what the last one, the answer, says is
// returned.
func (c *caseWorker) run(
	ctx context.Context, one handlerCase, content *roomdv1.Content, more map[string]any,
) (step, error) {
	told := map[string]any{"kind": kindOf(content)}
	maps.Copy(told, more)
	if content.GetText() == nil {
		return c.obey(ctx, one, nil, told)
	}
	return c.obey(ctx, one, content.GetText().GetBody(), told)
}

// obey does the steps that belong to a text, if any.
func (c *caseWorker) obey(
	ctx context.Context, one handlerCase, text any, more map[string]any,
) (step, error) {
	invocation := roomd.InvocationOf(ctx)
	which := map[string]any{"name": one.Name, "id": invocation.GetInvocationId()}
	key := "*"
	if said, isText := text.(string); !isText {
		text = nil
	} else if one.Behave[said] != nil {
		key = said
	}
	told := map[string]any{
		"attempt": invocation.GetAttempt(), "text": text, "trace": invocation.GetTraceContext(),
	}
	if invocation.GetTraceContext() == nil {
		told["trace"] = map[string]string{}
	}
	maps.Copy(told, which)
	maps.Copy(told, more)
	c.say("invoked", told)
	defer c.say("finished", which)
	for _, next := range one.Behave[key] {
		switch {
		case next.has("sleep_ms"), next.has("wait_cancel"):
			if err := wait(ctx, next); err != nil {
				c.say("cancelled", which)
				return nil, err
			}
		case next.has("raise"):
			return nil, errors.New(valueOf[string](next, "raise"))
		case next.has("call"):
			c.call(ctx, invocation.GetRoomId())
		default:
			return next, nil
		}
	}
	return step{"allow": json.RawMessage("{}")}, nil
}

func wait(ctx context.Context, next step) error {
	var over <-chan time.Time
	if next.has("sleep_ms") {
		over = time.After(time.Duration(valueOf[float64](next, "sleep_ms") * float64(time.Millisecond)))
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *caseWorker) call(ctx context.Context, roomID string) {
	if _, err := c.client.Room(roomID).Get(ctx); err != nil {
		c.say("called", map[string]any{"ok": false, "reason": reasonOf(err)})
		return
	}
	c.say("called", map[string]any{"ok": true, "reason": ""})
}

// kindOf names the kind of a content as the protocol does; unknown for one that is newer.
func kindOf(content *roomdv1.Content) any {
	if content == nil {
		return nil
	}
	message := content.ProtoReflect()
	set := message.WhichOneof(message.Descriptor().Oneofs().ByName("kind"))
	if set == nil {
		return "unknown"
	}
	return string(set.Name())
}

// ---------------------------------------------------------------- answers

func (c *caseWorker) decide(
	one handlerCase,
) func(context.Context, *roomd.EventCall) (*roomd.Decision, error) {
	return func(ctx context.Context, call *roomd.EventCall) (*roomd.Decision, error) {
		last, err := c.run(ctx, one, call.Event.GetContent(), triggerOf(call.Invocation))
		switch {
		case err != nil:
			return nil, err
		case last.has("block"):
			return roomd.Block(valueOf[string](last, "block")), nil
		case last.has("modify"):
			return call.Modify(func(event *roomdv1.RoomEvent) { modify(event, last) })
		case last.has("oversize"):
			filler := map[string]any{"filler": strings.Repeat("x", valueOf[int](last, "oversize"))}
			decision := roomd.Allow()
			decision.Metadata, err = roomd.Metadata(filler)
			return decision, err
		case last.has("allow"):
			return allow(valueOf[extras](last, "allow"))
		}
		return nil, c.unsupported("a step of a hook")
	}
}

func (c *caseWorker) watch(
	one handlerCase,
) func(context.Context, *roomd.EventCall) (*roomd.Findings, error) {
	return func(ctx context.Context, call *roomd.EventCall) (*roomd.Findings, error) {
		last, err := c.run(ctx, one, call.Event.GetContent(), triggerOf(call.Invocation))
		if err != nil {
			return nil, err
		}
		found := valueOf[extras](last, "allow")
		return &roomd.Findings{Tasks: found.tasks(), Observations: found.observations()}, nil
	}
}

func triggerOf(invocation *roomdv1.Invocation) map[string]any {
	return map[string]any{"trigger": invocation.GetTrigger().String()}
}

func (c *caseWorker) unsupported(what string) error {
	c.say("unsupported", map[string]any{"what": what})
	return errors.New("unsupported: " + what)
}

func modify(event *roomdv1.RoomEvent, last step) {
	changes := valueOf[struct {
		Text     *string        `json:"text"`
		Metadata map[string]any `json:"metadata"`
		EventID  *string        `json:"event_id"`
	}](last, "modify")
	if changes.Text != nil {
		event.Content = roomd.Text(*changes.Text)
	}
	for key, value := range changes.Metadata {
		if event.GetMetadata().GetFields() == nil {
			event.Metadata = &structpb.Struct{Fields: map[string]*structpb.Value{}}
		}
		event.GetMetadata().GetFields()[key], _ = structpb.NewValue(value) // from JSON: it fits
	}
	if changes.EventID != nil {
		event.EventId = *changes.EventID
	}
}

// extras are what a hook adds to the room.
type extras struct {
	Tasks        []string       `json:"tasks"`
	Observations []string       `json:"observations"`
	Metadata     map[string]any `json:"metadata"`
	Inject       []struct {
		Text    string   `json:"text"`
		Targets []string `json:"targets"`
	} `json:"inject"`
}

func allow(more extras) (*roomd.Decision, error) {
	decision := roomd.Allow()
	decision.Tasks, decision.Observations = more.tasks(), more.observations()
	for _, one := range more.Inject {
		decision.InjectedEvents = append(decision.InjectedEvents, &roomdv1.InjectedEvent{
			Event:            &roomdv1.RoomEvent{Content: roomd.Text(one.Text)},
			TargetChannelIds: one.Targets,
		})
	}
	if more.Metadata == nil {
		return decision, nil
	}
	var err error
	decision.Metadata, err = roomd.Metadata(more.Metadata)
	return decision, err
}

func (e extras) tasks() []*roomdv1.Task {
	var made []*roomdv1.Task
	for _, title := range e.Tasks {
		made = append(made, &roomdv1.Task{Title: title})
	}
	return made
}

func (e extras) observations() []*roomdv1.Observation {
	var made []*roomdv1.Observation
	for _, category := range e.Observations {
		confidence := 0.5
		made = append(made, &roomdv1.Observation{Category: category, Confidence: &confidence})
	}
	return made
}

func (c *caseWorker) deliver(
	one handlerCase,
) func(context.Context, *roomdv1.ChannelDelivery) (*roomdv1.DeliveryOutcome, error) {
	return func(ctx context.Context, asked *roomdv1.ChannelDelivery) (*roomdv1.DeliveryOutcome, error) {
		last, err := c.run(ctx, one, asked.GetEvent().GetContent(), nil)
		if err != nil {
			return nil, err
		}
		told := valueOf[struct {
			MessageID string `json:"message_id"`
			Error     string `json:"error"`
			Retryable bool   `json:"retryable"`
		}](last, "deliver")
		if told.Error != "" {
			return nil, &roomd.DeliveryError{Code: told.Error, Permanent: !told.Retryable}
		}
		return roomd.Sent(told.MessageID), nil
	}
}

func (c *caseWorker) respond(
	one handlerCase,
) func(context.Context, *roomd.ResponseCall) (*roomdv1.Response, error) {
	return func(ctx context.Context, call *roomd.ResponseCall) (*roomdv1.Response, error) {
		last, err := c.run(ctx, one, call.GetEvent().GetContent(), nil)
		if err != nil {
			return nil, err
		}
		told := valueOf[struct {
			Chunks []string `json:"chunks"`
			Text   string   `json:"text"`
			GapMS  float64  `json:"gap_ms"`
		}](last, "respond")
		for number, text := range told.Chunks {
			if number > 0 {
				time.Sleep(time.Duration(told.GapMS * float64(time.Millisecond)))
			}
			if err := call.Emit(text); err != nil {
				return nil, err
			}
		}
		response := &roomdv1.Response{}
		if told.Text != "" {
			response.Events = []*roomdv1.RoomEvent{{Content: roomd.Text(told.Text)}}
		}
		return response, nil
	}
}

func (c *caseWorker) convert(
	one handlerCase,
) func(context.Context, *roomdv1.InboundMessage) (*roomdv1.Converted, error) {
	return func(ctx context.Context, message *roomdv1.InboundMessage) (*roomdv1.Converted, error) {
		last, err := c.run(ctx, one, message.GetContent(), nil)
		if err != nil {
			return nil, err
		}
		told := valueOf[struct {
			Text string `json:"text"`
		}](last, "convert")
		return &roomdv1.Converted{Content: roomd.Text(told.Text)}, nil
	}
}

func (c *caseWorker) route(
	one handlerCase,
) func(context.Context, *roomdv1.InboundMessage) (string, error) {
	return func(ctx context.Context, message *roomdv1.InboundMessage) (string, error) {
		last, err := c.run(ctx, one, message.GetContent(), nil)
		if err != nil {
			return "", err
		}
		return valueOf[string](last, "route"), nil
	}
}

func (c *caseWorker) tool(one handlerCase) roomd.ToolHandler {
	return roomd.ToolFunc(func(ctx context.Context, arguments map[string]any) (any, error) {
		last, err := c.obey(ctx, one, arguments["text"], nil)
		switch {
		case err != nil:
			return nil, err
		case last.has("tool_json"):
			return valueOf[any](last, "tool_json"), nil
		case last.has("oversize"):
			return strings.Repeat("x", valueOf[int](last, "oversize")), nil
		case last.has("tool"):
			return toolResult(last)
		}
		return nil, c.unsupported("a step of a tool")
	})
}

func toolResult(last step) (*roomd.ToolResult, error) {
	told := valueOf[struct {
		Text       string         `json:"text"`
		Structured map[string]any `json:"structured"`
		IsError    bool           `json:"is_error"`
	}](last, "tool")
	result := roomd.ToolText(told.Text)
	result.IsError = told.IsError
	if told.Structured == nil {
		return result, nil
	}
	var err error
	result.Structured, err = roomd.Metadata(told.Structured)
	return result, err
}
