package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

const stopGrace = 5 * time.Second

// caseWorker is what one start asks for.
type caseWorker struct {
	*mouth
	ctx    context.Context // of everything but the worker's graceful end
	cancel context.CancelFunc
	leave  context.CancelFunc
	ended  chan struct{}
	opened chan struct{} // closed when client and worker are there
	client *roomd.Client
	worker *roomd.Worker
}

func newCaseWorker(m *mouth, broken fault, told command) *caseWorker {
	made := &caseWorker{mouth: m, ended: make(chan struct{}), opened: make(chan struct{})}
	made.ctx, made.cancel = background()
	running, leave := background()
	made.leave = leave
	go made.live(running, broken, told)
	return made
}

// live dials, and runs the worker until it is told to leave.
func (c *caseWorker) live(running context.Context, broken fault, told command) {
	defer close(c.ended)
	client, err := roomd.Dial(running, told.Address,
		roomd.WithToken(told.Key),
		roomd.WithReconnect(reconnectOf(told.Settings, broken)),
		roomd.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))),
		roomd.WithDialOptions(grpc.WithChainStreamInterceptor(broken.interceptor())),
	)
	if err != nil {
		if running.Err() == nil {
			c.say("fault", map[string]any{"message": err.Error()})
		}
		return
	}
	defer client.Close()
	options := []roomd.WorkerOption{roomd.WithGrace(stopGrace)}
	if told.Settings.WorkerID != "" {
		options = append(options, roomd.WithWorkerID(told.Settings.WorkerID))
	}
	if told.Settings.Takeover {
		options = append(options, roomd.WithTakeover())
	}
	c.client, c.worker = client, roomd.NewWorker(client, options...)
	c.register(told.Handlers)
	close(c.opened)
	go c.await(told.Handlers)
	if err := c.worker.Run(running); err != nil {
		c.refused(nil, err)
	}
}

// whenOpen does something once the worker is there.
func (c *caseWorker) whenOpen(do func()) {
	go func() {
		select {
		case <-c.opened:
			do()
		case <-c.ctx.Done():
		}
	}()
}

// reconnectOf is the SDK's own policy with what the case sets.
func reconnectOf(told settings, broken fault) roomd.Reconnect {
	policy := roomd.DefaultReconnect()
	milliseconds := func(value *float64, into *time.Duration) {
		if value != nil {
			*into = time.Duration(*value * float64(time.Millisecond))
		}
	}
	milliseconds(told.Reconnect.FirstMS, &policy.First)
	milliseconds(told.Reconnect.MaxMS, &policy.Max)
	milliseconds(told.Reconnect.SteadyMS, &policy.Steady)
	if jitter := told.Reconnect.Jitter; jitter != nil {
		policy.Jitter = func() float64 { return *jitter }
	}
	if broken.resetsBackoff {
		policy.Steady = 0
	}
	return policy
}

func (c *caseWorker) attach(handlers []handlerCase) {
	c.whenOpen(func() {
		c.register(handlers)
		c.await(handlers)
	})
}

func (c *caseWorker) detach(name string) {
	c.whenOpen(func() { c.worker.Detach(name) })
}

// await says what became of each handler.
func (c *caseWorker) await(handlers []handlerCase) {
	err := c.worker.Attach(c.ctx)
	refused := map[string]bool{}
	for _, one := range flatten(err) {
		var which *roomd.HandlerError
		if !errors.As(one, &which) {
			return // the stream is refused, which Run tells, or the case has ended
		}
		refused[which.Handler] = true
		for _, asked := range handlers {
			if asked.Name == which.Handler {
				c.refused(map[string]any{"name": which.Handler}, which)
			}
		}
	}
	for _, one := range handlers {
		if !refused[one.Name] {
			c.say("attached", map[string]any{"name": one.Name})
		}
	}
}

func flatten(err error) []error {
	if joined, isJoined := err.(interface{ Unwrap() []error }); isJoined {
		return joined.Unwrap()
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

func (c *caseWorker) refused(fields map[string]any, err error) {
	if fields == nil {
		fields = map[string]any{}
	}
	fields["reason"] = reasonOf(err)
	c.say("refused", fields)
}

func reasonOf(err error) string {
	var failed *roomd.Error
	if errors.As(err, &failed) {
		return string(failed.Reason)
	}
	return fmt.Sprint(err)
}

// close ends the worker: gracefully, or with all its streams at once.
func (c *caseWorker) close(graceful bool) {
	if !graceful {
		select {
		case <-c.opened:
			_ = c.client.Close() // what is left of it ends
		default:
		}
	}
	c.leave()
	<-c.ended
	c.cancel()
}

// ---------------------------------------------------------------- handlers

// handlerCase is a handler as the case describes it.
type handlerCase struct {
	Name   string            `json:"name"`
	Spec   json.RawMessage   `json:"spec"`
	Behave map[string][]step `json:"behave"`
}

func (c *caseWorker) register(handlers []handlerCase) {
	for _, one := range handlers {
		spec := &roomdv1.HandlerSpec{}
		if err := protojson.Unmarshal(one.Spec, spec); err != nil {
			c.say("fault", map[string]any{"message": err.Error()})
			continue
		}
		switch kind := spec.GetKind().(type) {
		case *roomdv1.HandlerSpec_Hook:
			c.registerHook(one, kind.Hook)
		case *roomdv1.HandlerSpec_ChannelProvider:
			c.registerChannel(one, kind.ChannelProvider)
		case *roomdv1.HandlerSpec_InboundRouter:
			c.worker.ServeRouter(one.Name, c.route(one), kind.InboundRouter.GetChannelTypes()...)
		case *roomdv1.HandlerSpec_Tool:
			c.registerTool(one, kind.Tool)
		default:
			c.say("unsupported", map[string]any{"what": one.Name})
		}
	}
}

func (c *caseWorker) registerHook(one handlerCase, spec *roomdv1.HookSpec) {
	asDescribed := func(hook *roomd.Hook) { hook.Spec = spec }
	if spec.GetLifetime() == roomdv1.Lifetime_LIFETIME_UNSPECIFIED {
		spec.Lifetime = roomdv1.Lifetime_LIFETIME_SESSION
	}
	if spec.GetMode() == roomdv1.HookMode_HOOK_MODE_OBSERVE {
		c.worker.ObserveEvent(one.Name, c.watch(one), asDescribed)
	} else {
		c.worker.OnEvent(one.Name, c.decide(one), asDescribed)
	}
}

func (c *caseWorker) registerChannel(one handlerCase, spec *roomdv1.ChannelProviderSpec) {
	provider := roomd.ChannelProvider{Deliver: c.deliver(one), Respond: c.respond(one)}
	if spec.GetConvertsInbound() {
		provider.Convert = c.convert(one)
	}
	c.worker.ServeChannel(one.Name, provider)
}

func (c *caseWorker) registerTool(one handlerCase, spec *roomdv1.ToolSpec) {
	c.worker.ServeTool(one.Name, roomd.Tool{
		Description: spec.GetDescription(),
		Parameters:  spec.GetParameters(),
		ChannelIDs:  spec.GetChannelIds(),
		Timeout:     spec.GetTimeout().AsDuration(),
		Idempotent:  spec.GetIdempotent(),
	}, c.tool(one))
}
