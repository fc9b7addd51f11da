package roomd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

const (
	protocolRevision = 1
	defaultGrace     = 10 * time.Second
	anyETag          = "*"
)

// Worker serves handlers: hooks, channels, routers and tools of the application. Workers that
// serve the same names share the work. Register handlers, then Run:
//
//	worker := roomd.NewWorker(client)
//	worker.OnEvent("no-spam", decide)
//	err := worker.RunUntilSignal(ctx)
type Worker struct {
	client *Client
	hello  *roomdv1.Hello
	grace  time.Duration
	takes  bool

	mu       sync.Mutex
	handlers map[string]*handler
	refused  map[string]*Error // cannot even be sent
	order    []string
	current  *session
	attachID int64

	ended  chan struct{}
	result error
	begun  bool
}

// WorkerOption changes how a worker behaves.
type WorkerOption func(*Worker)

// WithWorkerID names the worker for operators. Default: host, process and a random part.
func WithWorkerID(id string) WorkerOption { return func(w *Worker) { w.hello.WorkerId = id } }

// WithLabels tells operators more.
func WithLabels(labels map[string]string) WorkerOption {
	return func(w *Worker) { w.hello.Labels = labels }
}

// WithWindow bounds what the server may have outstanding here: calls that are answered, calls of
// observers, and bytes of payloads. 0 leaves it to the server.
func WithWindow(replies, observers int32, bytes int64) WorkerOption {
	return func(w *Worker) {
		w.hello.Window = &roomdv1.SetWindow{
			ReplyWindow: replies, ObserveWindow: observers, MaxBytes: bytes,
		}
	}
}

// WithGrace bounds how long handlers that run may take to finish when the worker stops.
// Default 10 s.
func WithGrace(grace time.Duration) WorkerOption { return func(w *Worker) { w.grace = grace } }

// WithTakeover gives handlers that others serve with other settings the settings of this worker,
// once: whoever takes them over later keeps them.
func WithTakeover() WorkerOption { return func(w *Worker) { w.takes = true } }

// NewWorker makes a worker that serves nothing yet.
func NewWorker(client *Client, more ...WorkerOption) *Worker {
	host, _ := os.Hostname() // without a name the id is still unique
	made := &Worker{
		client: client,
		grace:  defaultGrace,
		hello: &roomdv1.Hello{
			ProtocolRevision: protocolRevision,
			WorkerId:         fmt.Sprintf("%s-%d-%.6s", host, os.Getpid(), rand.Text()),
			SdkName:          "roomd-go",
			SdkVersion:       Version,
		},
		handlers: map[string]*handler{},
		refused:  map[string]*Error{},
		ended:    make(chan struct{}),
	}
	for _, option := range more {
		option(made)
	}
	return made
}

// serveFunc serves one invocation; the result's ids are filled in by the session.
type serveFunc func(context.Context, *roomdv1.Invocation) (*roomdv1.Result, error)

// handler is one name that the worker serves.
type handler struct {
	wire  *roomdv1.Handler
	serve serveFunc

	sentOn   *session
	answered chan struct{} // closed at the first Attached that names it
	err      error         // of that first Attached
}

// HandlerError says which handler the server did not take, and why.
type HandlerError struct {
	Handler string
	Err     error
}

// Error says both.
func (e *HandlerError) Error() string { return e.Handler + ": " + e.Err.Error() }

// Unwrap gives the *Error.
func (e *HandlerError) Unwrap() error { return e.Err }

// add registers a handler; one of the same name is replaced.
func (w *Worker) add(one *handler) {
	one.answered = make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, isThere := w.handlers[one.wire.GetName()]; !isThere {
		w.order = append(w.order, one.wire.GetName())
	}
	w.handlers[one.wire.GetName()] = one
	delete(w.refused, one.wire.GetName())
}

// refuse keeps why a handler cannot be served, for Attach to tell.
func (w *Worker) refuse(name string, why *Error) {
	w.client.logger.Error("a handler cannot be served", "handler", name, "error", why)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused[name] = why
}

// RunUntilSignal runs until the context ends or the process gets SIGTERM or SIGINT, then drains.
func (w *Worker) RunUntilSignal(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	return w.Run(ctx)
}

// Run serves until the context ends; then it says goodbye, lets the handlers that run finish
// within the grace, and returns nil. A lost stream is dialled again for ever. It returns an
// error only when the server will never take this worker (ErrCredentialInvalid, say). A worker
// runs once.
func (w *Worker) Run(ctx context.Context) error {
	w.mu.Lock()
	if w.begun {
		w.mu.Unlock()
		return &Error{
			Code: codes.FailedPrecondition, Reason: ErrWrongState, Message: "a worker runs once",
		}
	}
	w.begun = true
	w.mu.Unlock()
	lines := &lines{worker: w, dialling: redial{policy: w.client.reconnect}}
	lines.ctx, lines.stop = context.WithCancelCause(ctx)
	lines.begin(nil)
	lines.all.Wait()
	if refused := (*Error)(nil); errors.As(context.Cause(lines.ctx), &refused) {
		w.result = refused
	}
	lines.stop(nil)
	close(w.ended)
	return w.result
}

// Attach brings handlers that were registered since to the server, all in one message, and
// returns once it has answered for every handler: nil, or a HandlerError for each that it did not
// take (errors.As finds them); the others are served. It waits while the server is not there,
// and for Run.
func (w *Worker) Attach(ctx context.Context) error {
	w.mu.Lock()
	waiting := make([]*handler, 0, len(w.order))
	for _, name := range w.order {
		waiting = append(waiting, w.handlers[name])
	}
	w.sendAttach(w.current)
	var refused []error
	for name, why := range w.refused {
		refused = append(refused, &HandlerError{name, why})
	}
	w.mu.Unlock()
	for _, one := range waiting {
		select {
		case <-one.answered:
			if one.err != nil {
				refused = append(refused, &HandlerError{one.wire.GetName(), one.err})
			}
		case <-w.ended:
			if w.result != nil {
				return w.result
			}
			return errorOf(context.Canceled)
		case <-ctx.Done():
			return errorOf(ctx.Err())
		}
	}
	return errors.Join(refused...)
}

// Detach serves a handler no more; false when it was not served. What runs is finished.
func (w *Worker) Detach(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.refused, name)
	gone, isThere := w.handlers[name]
	if !isThere {
		return false
	}
	delete(w.handlers, name)
	if !gone.isAnswered() {
		close(gone.answered) // who waits for it waits no more
	}
	for at, one := range w.order {
		if one == name {
			w.order = append(w.order[:at:at], w.order[at+1:]...)
		}
	}
	if w.current.isWelcome() {
		detach := &roomdv1.Detach{Names: []string{name}}
		w.current.tell(&roomdv1.ConnectRequest{Message: &roomdv1.ConnectRequest_Detach{Detach: detach}})
	}
	return true
}

// sendAttach attaches what was not attached on this stream yet. Holds mu.
func (w *Worker) sendAttach(on *session) {
	if !on.isWelcome() {
		return
	}
	w.attachID++
	attach := &roomdv1.Attach{AttachId: w.attachID}
	for _, name := range w.order {
		one := w.handlers[name]
		if one.sentOn == on {
			continue
		}
		one.sentOn = on
		attach.Handlers = append(attach.Handlers, w.wireOf(one))
	}
	if len(attach.GetHandlers()) > 0 {
		on.tell(&roomdv1.ConnectRequest{Message: &roomdv1.ConnectRequest_Attach{Attach: attach}})
	}
}

// wireOf is the handler as it is attached now: it takes over once, so that on a later stream
// whoever took over meanwhile keeps it.
func (w *Worker) wireOf(one *handler) *roomdv1.Handler {
	etag := one.wire.GetEtag()
	if w.takes && etag == "" {
		etag = anyETag
	}
	if one.isAnswered() {
		etag = ""
	}
	wire := proto.Clone(one.wire).(*roomdv1.Handler)
	wire.Etag = etag
	return wire
}

func (h *handler) isAnswered() bool {
	select {
	case <-h.answered:
		return true
	default:
		return false
	}
}

// noteAttached keeps what the server said about each handler.
func (w *Worker) noteAttached(attached *roomdv1.Attached) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, status := range attached.GetHandlers() {
		refused := errorOfStatus(status.GetStatus())
		if refused != nil {
			w.client.logger.Error("a handler is not served here",
				"handler", status.GetName(), "error", refused)
		}
		for _, warning := range status.GetWarnings() {
			w.client.logger.Warn("a handler is attached, but", "handler", status.GetName(), "warning", warning)
		}
		one := w.handlers[status.GetName()]
		if one == nil || one.isAnswered() {
			continue
		}
		if refused != nil {
			one.err = refused
		}
		close(one.answered)
	}
}

// handlerOf finds the handler of a name; nil when it is not served any more.
func (w *Worker) handlerOf(name string) *handler {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.handlers[name]
}
