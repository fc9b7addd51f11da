package roomd

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

const (
	defaultPingInterval = 20 * time.Second
	// silentPings: a server that says nothing for so many intervals is gone.
	silentPings            = 3
	defaultMaxMessageBytes = 4 << 20
	// reservedBytes is for what stands around the results or sends in a message.
	reservedBytes = 64 << 10
	// companyWait is how long answers wait for those to what came with them.
	companyWait = time.Millisecond
	// companyFor is how long after it came a batch is waited for.
	companyFor = 10 * time.Millisecond
	// overdue is how much longer than its own grace a server may take to end a stream.
	overdue = 5 * time.Second
)

var (
	errSilent     = errors.New("the server said nothing for too long")
	errStreamLost = errors.New("the stream was lost")
)

// session is one stream of the worker, from Hello to its end.
type session struct {
	lines   *lines
	worker  *Worker
	context context.Context
	end     context.CancelCauseFunc
	stream  grpc.BidiStreamingClient[roomdv1.ConnectRequest, roomdv1.ConnectResponse]
	sending sync.Mutex // one message at a time

	mu       sync.Mutex
	control  []*roomdv1.ConnectRequest
	ready    []*roomdv1.Result
	bell     chan struct{}
	running  map[string]*call
	batch    *arrival  // the newest one
	welcome  time.Time // zero: not yet
	maxBytes int
	silence  time.Duration
	replaces *session // it ends once this one is attached
	replaced bool     // another line took its place
	leaving  bool
	redial   *time.Duration // what the server said about dialling again
}

func newSession(lines *lines, replaces *session) *session {
	made := &session{
		lines:    lines,
		worker:   lines.worker,
		bell:     make(chan struct{}, 1),
		running:  map[string]*call{},
		maxBytes: roomIn(defaultMaxMessageBytes),
		silence:  silentPings * defaultPingInterval,
		replaces: replaces,
	}
	// Not the caller's end but a goodbye ends it.
	made.context, made.end = context.WithCancelCause(context.WithoutCancel(lines.ctx))
	return made
}

// serve runs the stream until it ends; ctx ending makes it say goodbye and finish.
func (s *session) serve(ctx context.Context) error {
	defer s.lost()
	stopWatching := context.AfterFunc(ctx, s.leave)
	defer stopWatching()
	stream, err := s.worker.client.Hooks.Connect(s.context)
	if err != nil {
		return err
	}
	s.stream = stream
	hello := &roomdv1.ConnectRequest{Message: &roomdv1.ConnectRequest_Hello{Hello: s.worker.hello}}
	if err := s.send(hello); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	go s.write()
	return s.read()
}

// lost ends what is left: handlers that run have nobody to answer any more. Nothing waits for
// them: one that does not look at its context must not keep the worker from dialling again.
func (s *session) lost() { s.end(errStreamLost) }

func (s *session) read() error {
	alarm := time.AfterFunc(s.silence, func() { s.end(errSilent) })
	defer alarm.Stop()
	for {
		response, err := s.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if cause := context.Cause(s.context); errors.Is(cause, errSilent) {
				return cause
			}
			return err
		}
		s.take(response)
		alarm.Reset(s.silence)
	}
}

// take handles one message. A kind that is newer than this SDK is skipped.
func (s *session) take(response *roomdv1.ConnectResponse) {
	logger := s.worker.client.logger
	switch message := response.GetMessage().(type) {
	case *roomdv1.ConnectResponse_Invocations:
		s.expect(len(message.Invocations.GetInvocations()))
		for _, invocation := range message.Invocations.GetInvocations() {
			s.start(invocation)
		}
	case *roomdv1.ConnectResponse_Welcome:
		s.greeted(message.Welcome)
	case *roomdv1.ConnectResponse_Attached:
		s.worker.noteAttached(message.Attached)
		s.moved()
	case *roomdv1.ConnectResponse_Cancel:
		s.cancel(message.Cancel)
	case *roomdv1.ConnectResponse_Drain:
		s.drain(message.Drain)
	case *roomdv1.ConnectResponse_Ping:
		pong := &roomdv1.Pong{Nonce: message.Ping.GetNonce()}
		s.tell(&roomdv1.ConnectRequest{Message: &roomdv1.ConnectRequest_Pong{Pong: pong}})
	case *roomdv1.ConnectResponse_Settled:
		logger.Warn("an answer was not applied", "invocation", message.Settled.GetInvocationId(),
			"disposition", message.Settled.GetDisposition(),
			"message", message.Settled.GetStatus().GetMessage())
	case *roomdv1.ConnectResponse_Detached:
		if refused := errorOfStatus(message.Detached.GetStatus()); refused != nil {
			logger.Warn("handlers are served here no more",
				"handlers", message.Detached.GetNames(), "error", refused)
		}
	case *roomdv1.ConnectResponse_Notice:
		logger.Warn("the server notes", "code", message.Notice.GetCode(),
			"handler", message.Notice.GetHandler(), "count", message.Notice.GetCount(),
			"message", message.Notice.GetMessage())
	}
}

func (s *session) greeted(welcome *roomdv1.Welcome) {
	s.mu.Lock()
	s.welcome = time.Now()
	if most := welcome.GetMaxMessageBytes(); most > 0 {
		s.maxBytes = roomIn(most)
	}
	if interval := welcome.GetPingInterval(); interval != nil {
		s.silence = silentPings * interval.AsDuration()
	}
	s.mu.Unlock()
	s.worker.mu.Lock()
	s.worker.sendAttach(s)
	s.worker.mu.Unlock()
	if len(s.worker.names()) == 0 {
		s.moved()
	}
	if s.lines.ctx.Err() != nil {
		s.leave()
	}
}

func (w *Worker) names() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.order...)
}

// ---------------------------------------------------------------- its end

// moved: this stream is attached, so the one before it may end.
func (s *session) moved() {
	s.mu.Lock()
	old := s.replaces
	s.replaces = nil
	s.mu.Unlock()
	if old != nil {
		old.sayGoodbye("moved")
	}
}

// drain leaves a stream that the server wants to end.
func (s *session) drain(drain *roomdv1.Drain) {
	if grace := drain.GetGrace(); grace != nil {
		s.endAfter(grace.AsDuration() + overdue)
	}
	if drain.GetReason() == roomdv1.Drain_REASON_MAX_AGE {
		// The next stream is attached first: session hooks go with their last stream.
		s.mu.Lock()
		isFirst := !s.replaced && !s.leaving
		s.replaced = s.replaced || isFirst
		s.mu.Unlock()
		if isFirst {
			s.lines.begin(s)
		}
		return
	}
	wait := time.Duration(rand.Float64() * float64(drain.GetReconnectJitter().AsDuration()))
	s.mu.Lock()
	s.redial = &wait
	s.mu.Unlock()
	s.sayGoodbye("drain")
}

// leave says goodbye for good: what runs is finished within the grace.
func (s *session) leave() {
	if !s.isWelcome() {
		s.end(context.Canceled)
		return
	}
	s.sayGoodbye("closing")
	s.endAfter(s.worker.grace)
}

// endAfter ends the stream when the server does not.
func (s *session) endAfter(wait time.Duration) {
	timer := time.AfterFunc(wait, func() { s.end(context.DeadlineExceeded) })
	context.AfterFunc(s.context, func() { timer.Stop() })
}

// sayGoodbye asks for no new work; the server ends the stream when all is answered.
func (s *session) sayGoodbye(reason string) {
	s.mu.Lock()
	isFirst := !s.leaving
	s.leaving = true
	s.mu.Unlock()
	if isFirst {
		goodbye := &roomdv1.Goodbye{Reason: reason}
		s.tell(&roomdv1.ConnectRequest{Message: &roomdv1.ConnectRequest_Goodbye{Goodbye: goodbye}})
	}
}

// ---------------------------------------------------------------- what it says

// tell sends a control message when it is its turn.
func (s *session) tell(request *roomdv1.ConnectRequest) {
	s.mu.Lock()
	s.control = append(s.control, request)
	s.mu.Unlock()
	s.ring()
}

func (s *session) ring() {
	select {
	case s.bell <- struct{}{}:
	default: // it rings already
	}
}

// write sends what is ready: everything that is ready together leaves together.
func (s *session) write() {
	for {
		select {
		case <-s.bell:
		case <-s.context.Done():
			return
		}
		s.awaitCompany()
		s.mu.Lock()
		control, ready := s.control, s.ready
		s.control, s.ready = nil, nil
		s.mu.Unlock()
		for _, batch := range batches(ready, resultSize, s.maxResultBytes()) {
			results := &roomdv1.ConnectRequest_Results{Results: &roomdv1.ResultBatch{Results: batch}}
			control = append(control, &roomdv1.ConnectRequest{Message: results})
		}
		for _, request := range control {
			if s.send(request) != nil {
				return // the reader is told why
			}
		}
	}
}

// arrival is a batch of invocations that came together.
type arrival struct {
	time    time.Time
	left    int           // guarded by the session's mu
	settled chan struct{} // closed when none is left
}

// expect notes how many invocations came together.
func (s *session) expect(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batch = &arrival{time: time.Now(), left: count, settled: make(chan struct{})}
}

// awaitCompany waits a moment for the answers to what came together: a message costs far more
// than an answer in it. Who is alone waits for nothing, and a slow handler holds up nobody for
// longer than the moment.
func (s *session) awaitCompany() {
	s.mu.Lock()
	batch := s.batch
	isWorth := batch != nil && batch.left > 0 && len(s.ready) > 0 && len(s.control) == 0
	s.mu.Unlock()
	if !isWorth || time.Since(batch.time) > companyFor {
		return
	}
	timer := time.NewTimer(companyWait)
	defer timer.Stop()
	select {
	case <-batch.settled:
	case <-timer.C:
	case <-s.context.Done():
	}
}

func (s *session) send(request *roomdv1.ConnectRequest) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.stream.Send(request)
}

// roomIn is how much of a message of at most so many bytes what stands in it may take.
func roomIn(mostBytes int64) int { return int(max(mostBytes-reservedBytes, mostBytes/2)) }

func resultSize(result *roomdv1.Result) int { return proto.Size(result) }

// batches puts results, or sends, together into messages that are not too large.
func batches[T any](items []T, sizeOf func(T) int, maxBytes int) [][]T {
	var made [][]T
	first, sum := 0, 0
	for at, one := range items {
		size := sizeOf(one)
		if at > first && sum+size > maxBytes {
			made = append(made, items[first:at])
			first, sum = at, 0
		}
		sum += size
	}
	if first < len(items) {
		made = append(made, items[first:])
	}
	return made
}

// ---------------------------------------------------------------- what others ask

func (s *session) isWelcome() bool { return s != nil && !s.welcomeTime().IsZero() }

func (s *session) welcomeTime() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.welcome
}

func (s *session) isReplaced() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replaced
}

func (s *session) stillReplaces() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replaces
}

func (s *session) waitTold() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.redial == nil {
		return 0, false
	}
	return *s.redial, true
}
