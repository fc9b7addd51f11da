package roomd

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// ChannelProvider is a channel of the application: the server calls it wherever the program
// runs. Register the channel with the implementation [ServedBy] this provider's name.
type ChannelProvider struct {
	// Deliver brings an event to a recipient; [Sent] is the usual answer. An error is a failed
	// delivery, which is tried again unless it is a DeliveryError that says Permanent.
	Deliver func(context.Context, *roomdv1.ChannelDelivery) (*roomdv1.DeliveryOutcome, error)
	// Respond answers an event, for channels that are intelligence: whole answers are returned,
	// text that is still being written goes to ResponseCall.Emit.
	Respond func(context.Context, *ResponseCall) (*roomdv1.Response, error)
	// Convert turns a message that came in into content; nil leaves it to the server.
	Convert func(context.Context, *roomdv1.InboundMessage) (*roomdv1.Converted, error)
	// Transcode makes content fit a target; nil leaves it to the server, a nil content says that
	// it cannot be shown.
	Transcode func(context.Context, *roomdv1.Transcode) (*roomdv1.Content, error)
	// Timeout bounds one call. Default 30 s.
	Timeout time.Duration
	// RecentEvents is how many of the newest events Respond is told. Default 50, at most 200.
	RecentEvents int32
}

// ResponseCall asks an intelligence channel to answer an event.
type ResponseCall struct {
	*roomdv1.ChannelDelivery
	Invocation *roomdv1.Invocation

	emit func(string) error
}

// Emit sends text of an answer that is still being written. Its sentences pass the hooks before
// anybody sees them. An error means that nobody waits for the answer any more.
func (c *ResponseCall) Emit(text string) error { return c.emit(text) }

// DeliveryError is a failed delivery in the provider's own words.
type DeliveryError struct {
	// Code is the provider's own.
	Code string
	// Message is for people.
	Message string
	// Permanent: another attempt would fail, too.
	Permanent bool
	// RetryAfter is the provider's wish; 0: as the binding's retry policy says.
	RetryAfter time.Duration
}

// Error says code and words.
func (e *DeliveryError) Error() string { return e.Code + ": " + e.Message }

// Sent is the outcome of a delivery that the provider took, with the id it gave.
func Sent(providerMessageID string) *roomdv1.DeliveryOutcome {
	return &roomdv1.DeliveryOutcome{Result: &roomdv1.DeliveryResult{
		State: roomdv1.DeliveryState_DELIVERY_STATE_SENT, ProviderMessageId: providerMessageID,
	}}
}

// ServedBy is the implementation of a channel that a worker serves under this handler's name.
func ServedBy(handler string) *roomdv1.ChannelImplementation {
	return &roomdv1.ChannelImplementation{Kind: &roomdv1.ChannelImplementation_Worker_{
		Worker: &roomdv1.ChannelImplementation_Worker{Handler: handler},
	}}
}

// ServeChannel serves a channel.
func (w *Worker) ServeChannel(name string, provider ChannelProvider) {
	spec := &roomdv1.ChannelProviderSpec{
		ConvertsInbound: provider.Convert != nil,
		Transcodes:      provider.Transcode != nil,
		RecentEvents:    provider.RecentEvents,
	}
	if provider.Timeout > 0 {
		spec.Timeout = durationpb.New(provider.Timeout)
	}
	w.add(&handler{
		wire: &roomdv1.Handler{Name: name, Spec: &roomdv1.HandlerSpec{
			Kind: &roomdv1.HandlerSpec_ChannelProvider{ChannelProvider: spec},
		}},
		serve: func(ctx context.Context, in *roomdv1.Invocation) (*roomdv1.Result, error) {
			value, err := provider.serve(ctx, in)
			if err != nil {
				return nil, err
			}
			return &roomdv1.Result{Outcome: &roomdv1.Result_Value{Value: value}}, nil
		},
	})
}

func (p *ChannelProvider) serve(
	ctx context.Context, in *roomdv1.Invocation,
) (*roomdv1.HandlerResult, error) {
	switch call := in.GetCall().GetKind().(type) {
	case *roomdv1.HandlerCall_Deliver:
		if p.Deliver != nil {
			return p.deliver(ctx, call.Deliver)
		}
	case *roomdv1.HandlerCall_Respond:
		if p.Respond != nil {
			asked := &ResponseCall{call.Respond, in, emitterOf(ctx)}
			response, err := p.Respond(ctx, asked)
			if response == nil {
				response = &roomdv1.Response{}
			}
			return &roomdv1.HandlerResult{Kind: &roomdv1.HandlerResult_Response{Response: response}}, err
		}
	case *roomdv1.HandlerCall_Convert:
		if p.Convert != nil {
			converted, err := p.Convert(ctx, call.Convert)
			return &roomdv1.HandlerResult{Kind: &roomdv1.HandlerResult_Converted{Converted: converted}}, err
		}
	case *roomdv1.HandlerCall_Transcode:
		if p.Transcode != nil {
			content, err := p.Transcode(ctx, call.Transcode)
			fit := &roomdv1.Transcoded{Content: content}
			return &roomdv1.HandlerResult{Kind: &roomdv1.HandlerResult_Transcoded{Transcoded: fit}}, err
		}
	}
	return nil, unknownKind("call", in.GetHandler())
}

// deliver turns the provider's error into the delivery's outcome: the server decides by it
// whether and when to try again.
func (p *ChannelProvider) deliver(
	ctx context.Context, delivery *roomdv1.ChannelDelivery,
) (*roomdv1.HandlerResult, error) {
	outcome, err := p.Deliver(ctx, delivery)
	if err != nil {
		outcome = &roomdv1.DeliveryOutcome{Result: failedDelivery(err)}
	} else if outcome == nil {
		outcome = Sent("")
	}
	return &roomdv1.HandlerResult{Kind: &roomdv1.HandlerResult_Delivery{Delivery: outcome}}, nil
}

func failedDelivery(err error) *roomdv1.DeliveryResult {
	told := &DeliveryError{Code: "error", Message: err.Error()}
	errors.As(err, &told)
	made := &roomdv1.DeliveryResult{
		State:        roomdv1.DeliveryState_DELIVERY_STATE_FAILED,
		ErrorCode:    shortened(told.Code, 256),
		ErrorMessage: shortened(told.Message, 2000),
		Retryable:    !told.Permanent,
	}
	if told.RetryAfter > 0 {
		made.RetryAfter = durationpb.New(told.RetryAfter)
	}
	return made
}

// ServeRouter serves a router: it is asked for the room of a message before the built-in rules
// are; "" leaves it to them. It is asked for messages of these types of channels, or of all.
func (w *Worker) ServeRouter(
	name string, route func(context.Context, *roomdv1.InboundMessage) (string, error),
	types ...roomdv1.ChannelType,
) {
	spec := &roomdv1.InboundRouterSpec{ChannelTypes: types}
	w.add(&handler{
		wire: &roomdv1.Handler{Name: name, Spec: &roomdv1.HandlerSpec{
			Kind: &roomdv1.HandlerSpec_InboundRouter{InboundRouter: spec},
		}},
		serve: func(ctx context.Context, in *roomdv1.Invocation) (*roomdv1.Result, error) {
			message := in.GetCall().GetRoute()
			if message == nil {
				return nil, unknownKind("call", name)
			}
			roomID, err := route(ctx, message)
			answer := &roomdv1.RouteAnswer{RoomId: roomID, Decline: roomID == ""}
			value := &roomdv1.HandlerResult{Kind: &roomdv1.HandlerResult_Route{Route: answer}}
			return &roomdv1.Result{Outcome: &roomdv1.Result_Value{Value: value}}, err
		},
	})
}
