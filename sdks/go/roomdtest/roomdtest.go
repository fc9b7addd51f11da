// Package roomdtest is a server in the process for unit tests of handlers: it attaches what a
// worker serves and asks it what the test wants to know. Nothing is stored, nothing listens on a
// port.
//
//	server := roomdtest.NewServer(t)
//	worker := roomd.NewWorker(server.Client())
//	worker.OnEvent("no-spam", noSpam)
//	server.Serve(worker)
//	decision, err := server.Decide(ctx, "no-spam", roomdtest.Message("lobby", "buy spam"))
package roomdtest

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/roomd/roomd/sdks/go/internal/jsonobject"
	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

const (
	bufferBytes = 1 << 20
	attachTime  = 10 * time.Second
	endTime     = 15 * time.Second
)

// Server is the server in the process. It ends with the test.
type Server struct {
	t        testing.TB
	listener *bufconn.Listener
	client   *roomd.Client

	mu       sync.Mutex
	sessions map[string]*session // by handler
	specs    map[string]*roomdv1.HandlerSpec
	calls    map[string]unaryCall
}

type unaryCall struct {
	request func() proto.Message
	answer  func(context.Context, proto.Message) (proto.Message, error)
}

// NewServer starts a server.
func NewServer(t testing.TB) *Server {
	t.Helper()
	made := &Server{
		t:        t,
		listener: bufconn.Listen(bufferBytes),
		sessions: map[string]*session{},
		specs:    map[string]*roomdv1.HandlerSpec{},
		calls:    map[string]unaryCall{},
	}
	serving := grpc.NewServer(grpc.UnknownServiceHandler(made.unary))
	roomdv1.RegisterHookServiceServer(serving, &hookService{server: made})
	healthv1.RegisterHealthServer(serving, health.NewServer())
	ended := make(chan error, 1)
	go func() { ended <- serving.Serve(made.listener) }()
	t.Cleanup(func() {
		serving.Stop()
		if err := <-ended; err != nil {
			t.Errorf("the test server: %v", err)
		}
	})
	made.client = made.Dial()
	return made
}

// Client is a client of this server.
func (s *Server) Client() *roomd.Client { return s.client }

// Dial makes another client, with options of its own.
func (s *Server) Dial(more ...roomd.Option) *roomd.Client {
	s.t.Helper()
	pipe := roomd.WithDialOptions(
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return s.listener.DialContext(ctx)
		}),
	)
	ctx, cancel := context.WithTimeout(context.Background(), attachTime)
	defer cancel()
	client, err := roomd.Dial(ctx, "passthrough:roomdtest", append([]roomd.Option{pipe}, more...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := client.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return client
}

// Serve runs a worker until the test ends, and returns once its handlers are attached.
func (s *Server) Serve(worker *roomd.Worker) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				s.t.Errorf("the worker: %v", err)
			}
		case <-time.After(endTime):
			s.t.Error("the worker does not end")
		}
	})
	attaching, stop := context.WithTimeout(ctx, attachTime)
	defer stop()
	if err := worker.Attach(attaching); err != nil {
		s.t.Fatal(err)
	}
}

// Answer lets the server answer a call that handlers make:
//
//	roomdtest.Answer(server, roomdv1.RoomService_GetRoom_FullMethodName,
//		func(ctx context.Context, request *roomdv1.GetRoomRequest) (*roomdv1.GetRoomResponse, error) { … })
func Answer[Request, Response any, Q interface {
	*Request
	proto.Message
}, R interface {
	*Response
	proto.Message
}](s *Server, method string, answer func(context.Context, Q) (R, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[method] = unaryCall{
		request: func() proto.Message { return Q(new(Request)) },
		answer: func(ctx context.Context, request proto.Message) (proto.Message, error) {
			return answer(ctx, request.(Q))
		},
	}
}

// unary answers what a test set, and nothing else.
func (s *Server) unary(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	s.mu.Lock()
	call, isSet := s.calls[method]
	s.mu.Unlock()
	if !isSet {
		return status.Errorf(codes.Unimplemented, "the test answers no %s; see roomdtest.Answer", method)
	}
	request := call.request()
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	response, err := call.answer(stream.Context(), request)
	if err != nil {
		return err
	}
	return stream.SendMsg(response)
}

// Spec is how a handler was attached; nil when it was not, or without one.
func (s *Server) Spec(handler string) *roomdv1.HandlerSpec {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.specs[handler]
}

// Message is an event in which somebody says a text.
func Message(roomID, text string) *roomdv1.RoomEvent {
	index := int64(0)
	return &roomdv1.RoomEvent{
		EventId: "event-1",
		RoomId:  roomID,
		Index:   &index,
		Type:    roomdv1.EventType_EVENT_TYPE_MESSAGE,
		Status:  roomdv1.EventStatus_EVENT_STATUS_PENDING,
		Content: roomd.Text(text),
		Source: &roomdv1.EventSource{
			ChannelId:     "ws",
			ChannelType:   roomdv1.ChannelType_CHANNEL_TYPE_WEBSOCKET,
			Direction:     roomdv1.Direction_DIRECTION_INBOUND,
			ParticipantId: "somebody",
		},
	}
}

// Failure is a handler's failure as the server sees it.
type Failure struct{ *roomdv1.Failure }

// Error says why it failed.
func (f *Failure) Error() string { return f.GetStatus().GetMessage() }

// Decide asks a deciding hook about an event; a *Failure when the hook failed.
func (s *Server) Decide(
	ctx context.Context, handler string, event *roomdv1.RoomEvent,
) (*roomd.Decision, error) {
	payload := &roomdv1.HookPayload{Kind: &roomdv1.HookPayload_Event{Event: event}}
	result, _, err := s.Invoke(ctx, &roomdv1.Invocation{
		Handler: handler, RoomId: event.GetRoomId(), ReplyExpected: true,
		Input: &roomdv1.Invocation_Hook{Hook: payload},
	})
	return result.GetDecision(), err
}

// Observe shows a payload to an observer; a *Failure when it failed.
func (s *Server) Observe(
	ctx context.Context, handler string, payload *roomdv1.HookPayload,
) (*roomd.Findings, error) {
	result, _, err := s.Invoke(ctx, &roomdv1.Invocation{
		Handler: handler, Input: &roomdv1.Invocation_Hook{Hook: payload},
	})
	return result.GetDone(), err
}

// Call asks a channel, a router or a tool; the chunks are those of an answer that streams.
func (s *Server) Call(
	ctx context.Context, handler string, call *roomdv1.HandlerCall,
) (result *roomdv1.HandlerResult, chunks []string, err error) {
	answer, chunks, err := s.Invoke(ctx, &roomdv1.Invocation{
		Handler: handler, ReplyExpected: true, Input: &roomdv1.Invocation_Call{Call: call},
	})
	return answer.GetValue(), chunks, err
}

// CallTool runs a tool with arguments that encoding/json writes as an object; a *Failure when its
// handler failed. Its schema is not looked at: that is the real server's part.
func (s *Server) CallTool(
	ctx context.Context, name string, arguments any,
) (*roomd.ToolResult, error) {
	object, err := jsonobject.Of(arguments)
	if err != nil {
		return nil, err
	}
	call := &roomdv1.ToolCall{ToolCallId: "call-1", Name: name, Arguments: object}
	result, _, err := s.Call(ctx, name, &roomdv1.HandlerCall{
		Kind: &roomdv1.HandlerCall_Tool{Tool: call},
	})
	return result.GetTool(), err
}

// Invoke asks a handler anything. What the invocation leaves out (id, lease, attempt, trigger,
// timeout) is filled in. The handler is cancelled when the context ends.
func (s *Server) Invoke(
	ctx context.Context, invocation *roomdv1.Invocation,
) (*roomdv1.Result, []string, error) {
	s.mu.Lock()
	serving := s.sessions[invocation.GetHandler()]
	spec := s.specs[invocation.GetHandler()]
	s.mu.Unlock()
	if serving == nil {
		return nil, nil, errors.New("nobody serves " + invocation.GetHandler())
	}
	return serving.ask(ctx, filled(invocation, spec))
}
