package roomdtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

const (
	defaultTimeout  = 5 * time.Second
	maxMessageBytes = 4 << 20
	pingInterval    = 20 * time.Second
)

type (
	fromWorker = roomdv1.ConnectRequest
	toWorker   = roomdv1.ConnectResponse
)

// hookService takes workers.
type hookService struct {
	roomdv1.UnimplementedHookServiceServer
	server *Server
}

// session is one worker's stream.
type session struct {
	server  *Server
	stream  grpc.BidiStreamingServer[fromWorker, toWorker]
	sending sync.Mutex

	mu      sync.Mutex
	waiting map[string]*question // by invocation id
	leaving bool
	ended   chan struct{}
}

// question is an invocation whose answer has not come.
type question struct {
	chunks []string
	answer chan *roomdv1.Result
}

// Connect serves one stream until the worker has said goodbye and answered everything.
func (h *hookService) Connect(stream grpc.BidiStreamingServer[fromWorker, toWorker]) error {
	made := &session{
		server: h.server, stream: stream,
		waiting: map[string]*question{}, ended: make(chan struct{}),
	}
	defer close(made.ended)
	for !made.isSettled() {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := made.take(request); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) isSettled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaving && len(s.waiting) == 0
}

func (s *session) take(request *fromWorker) error {
	switch message := request.GetMessage().(type) {
	case *roomdv1.ConnectRequest_Hello:
		return s.send(&toWorker{Message: &roomdv1.ConnectResponse_Welcome{Welcome: &roomdv1.Welcome{
			SessionId:        rand.Text(),
			ProtocolRevision: message.Hello.GetProtocolRevision(),
			PingInterval:     durationpb.New(pingInterval),
			MaxMessageBytes:  maxMessageBytes,
		}}})
	case *roomdv1.ConnectRequest_Attach:
		return s.attach(message.Attach)
	case *roomdv1.ConnectRequest_Detach:
		s.server.forget(message.Detach.GetNames())
	case *roomdv1.ConnectRequest_Results:
		for _, result := range message.Results.GetResults() {
			s.settle(result)
		}
	case *roomdv1.ConnectRequest_ResultChunk:
		s.mu.Lock()
		if asked := s.waiting[message.ResultChunk.GetInvocationId()]; asked != nil {
			asked.chunks = append(asked.chunks, message.ResultChunk.GetChunk().GetTextDelta())
		}
		s.mu.Unlock()
	case *roomdv1.ConnectRequest_Goodbye:
		s.mu.Lock()
		s.leaving = true
		s.mu.Unlock()
	}
	return nil
}

func (s *session) attach(attach *roomdv1.Attach) error {
	attached := &roomdv1.Attached{AttachId: attach.GetAttachId()}
	s.server.mu.Lock()
	for _, one := range attach.GetHandlers() {
		s.server.sessions[one.GetName()] = s
		s.server.specs[one.GetName()] = one.GetSpec()
		attached.Handlers = append(attached.Handlers, &roomdv1.Attached_HandlerStatus{
			Name: one.GetName(), Status: &roomdv1.Status{},
		})
	}
	s.server.mu.Unlock()
	return s.send(&toWorker{Message: &roomdv1.ConnectResponse_Attached{Attached: attached}})
}

func (s *Server) forget(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		delete(s.sessions, name)
		delete(s.specs, name)
	}
}

func (s *session) settle(result *roomdv1.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if asked := s.waiting[result.GetInvocationId()]; asked != nil {
		delete(s.waiting, result.GetInvocationId())
		asked.answer <- result
	}
}

func (s *session) send(response *toWorker) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.stream.Send(response)
}

// ask waits for the answer to an invocation; a *Failure when the handler failed.
func (s *session) ask(
	ctx context.Context, invocation *roomdv1.Invocation,
) (*roomdv1.Result, []string, error) {
	asked := &question{answer: make(chan *roomdv1.Result, 1)}
	s.mu.Lock()
	s.waiting[invocation.GetInvocationId()] = asked
	s.mu.Unlock()
	batch := &roomdv1.InvocationBatch{Invocations: []*roomdv1.Invocation{invocation}}
	if err := s.send(&toWorker{
		Message: &roomdv1.ConnectResponse_Invocations{Invocations: batch},
	}); err != nil {
		return nil, nil, err
	}
	overdue := time.NewTimer(invocation.GetTimeout().AsDuration())
	defer overdue.Stop()
	select {
	case result := <-asked.answer:
		if failure := result.GetFailure(); failure != nil {
			return nil, asked.chunks, &Failure{failure}
		}
		return result, asked.chunks, nil
	case <-overdue.C:
		return nil, nil, s.giveUp(invocation, roomdv1.Cancel_REASON_DEADLINE, context.DeadlineExceeded)
	case <-ctx.Done():
		return nil, nil, s.giveUp(invocation, roomdv1.Cancel_REASON_CALLER_GONE, ctx.Err())
	case <-s.ended:
		return nil, nil, status.Error(codes.Unavailable, "the worker is gone")
	}
}

func (s *session) giveUp(
	invocation *roomdv1.Invocation, why roomdv1.Cancel_Reason, err error,
) error {
	s.mu.Lock()
	delete(s.waiting, invocation.GetInvocationId())
	s.mu.Unlock()
	cancel := &roomdv1.Cancel{InvocationId: invocation.GetInvocationId(), Reason: why}
	return errors.Join(err, s.send(&toWorker{
		Message: &roomdv1.ConnectResponse_Cancel{Cancel: cancel},
	}))
}

// filled is the invocation with what a server always says.
func filled(invocation *roomdv1.Invocation, spec *roomdv1.HandlerSpec) *roomdv1.Invocation {
	made := proto.Clone(invocation).(*roomdv1.Invocation)
	if made.GetInvocationId() == "" {
		made.InvocationId = rand.Text()
	}
	if made.GetLease() == 0 {
		made.Lease = 1
	}
	if made.GetAttempt() == 0 {
		made.Attempt = 1
	}
	if made.GetTimeout() == nil {
		made.Timeout = cmp.Or(
			spec.GetHook().GetTimeout(), spec.GetTool().GetTimeout(), durationpb.New(defaultTimeout))
	}
	triggers := spec.GetHook().GetTriggers()
	if made.GetHook() != nil && made.GetTrigger() == 0 && len(triggers) > 0 {
		made.Trigger = triggers[0]
	}
	return made
}
