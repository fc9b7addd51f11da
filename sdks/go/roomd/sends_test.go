package roomd_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/roomd/roomd/sdks/go/internal/serverprocess"
	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

const (
	serverTakes = 4 << 20
	noUTF8      = "\xff"
)

type liveStream = grpc.BidiStreamingServer[
	roomdv1.ChannelServiceConnectRequest, roomdv1.ChannelServiceConnectResponse]

// liveServer takes live connections as a test wants them.
type liveServer struct {
	roomdv1.UnimplementedChannelServiceServer
	streams atomic.Int32
	open    atomic.Pointer[roomdv1.Open] // of the last stream
	// serve is asked for each stream, by its number from 1, after its Open was read.
	serve func(number int32, stream liveStream) error
}

func (s *liveServer) Connect(stream liveStream) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	s.open.Store(first.GetOpen())
	return s.serve(s.streams.Add(1), stream)
}

// answerAll accepts what is sent, in messages of at most so many bytes.
func answerAll(stream liveStream, told, takes int64) error {
	opened := &roomdv1.Opened{MaxMessageBytes: told}
	if err := stream.Send(&roomdv1.ChannelServiceConnectResponse{
		Message: &roomdv1.ChannelServiceConnectResponse_Opened{Opened: opened},
	}); err != nil {
		return err
	}
	for {
		request, err := stream.Recv()
		if err != nil {
			return nil // it hung up
		}
		if size := proto.Size(request); size > int(takes) {
			return status.Errorf(codes.ResourceExhausted, "a message of %d bytes", size)
		}
		batch := &roomdv1.Batch{}
		for _, item := range request.GetSend().GetItems() {
			batch.Results = append(batch.Results, &roomdv1.SendResult{
				SendId: item.GetSendId(), Outcome: roomdv1.Outcome_OUTCOME_ACCEPTED,
			})
		}
		if err := stream.Send(&roomdv1.ChannelServiceConnectResponse{
			Message: &roomdv1.ChannelServiceConnectResponse_Batch{Batch: batch},
		}); err != nil {
			return err
		}
	}
}

// clientOf is a client of a server that takes live connections as the test says.
func clientOf(t *testing.T, served *liveServer) *roomd.Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(16 << 20))
	roomdv1.RegisterChannelServiceServer(server, served)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	client, err := roomd.Dial(within(t, 20*time.Second), listener.Addr().String(),
		roomd.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// log is what an SDK logged.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// dialLogging is a client, and what it logs: nothing, as long as no stream is lost.
func dialLogging(t *testing.T, server *serverprocess.Server) (*roomd.Client, *log) {
	t.Helper()
	logged := &log{}
	client, err := roomd.Dial(within(t, 20*time.Second), server.Address,
		roomd.WithToken(serverprocess.Key), roomd.WithLogger(slog.New(slog.NewTextHandler(logged, nil))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, logged
}

func mustSend(t *testing.T, connection *roomd.Connection, text string) {
	t.Helper()
	result, err := connection.Send(within(t, 20*time.Second), "lobby", roomd.Text(text))
	if err != nil || result.GetOutcome() != roomdv1.Outcome_OUTCOME_ACCEPTED {
		t.Fatal(result, err)
	}
}

func mustFail(t *testing.T, connection *roomd.Connection, text string, why roomd.Reason) *roomd.Error {
	t.Helper()
	_, err := connection.Send(within(t, 20*time.Second), "lobby", roomd.Text(text))
	var failed *roomd.Error
	if !errors.Is(err, why) || !errors.As(err, &failed) {
		t.Fatalf("%v instead of %v", err, why)
	}
	return failed
}

func TestASendThatNoMessageCanHoldFailsAlone(t *testing.T) {
	server := serverprocess.Start(t)
	roomOf(t, dial(t, server), "lobby")
	client, logged := dialLogging(t, server)
	connection := connect(t, client, "alice")
	mustSend(t, connection, "before")
	mustFail(t, connection, strings.Repeat("x", serverTakes), roomd.ErrMessageTooLarge)
	failed := mustFail(t, connection, noUTF8, roomd.ErrValidation)
	if len(failed.Violations) != 1 || failed.Violations[0].Field != "content" {
		t.Error(failed.Violations)
	}
	mustSend(t, connection, "after")
	if told := logged.String(); told != "" {
		t.Errorf("the connection was lost: %s", told)
	}
}

func TestASignalThatNoMessageCanHoldFailsAlone(t *testing.T) {
	served := &liveServer{serve: func(_ int32, stream liveStream) error {
		return answerAll(stream, serverTakes, serverTakes)
	}}
	connection := connect(t, clientOf(t, served), "alice")
	typing := roomdv1.EphemeralType_EPHEMERAL_TYPE_TYPING_START
	large := &structpb.Struct{Fields: map[string]*structpb.Value{
		"x": structpb.NewStringValue(strings.Repeat("x", serverTakes)),
	}}
	if err := connection.Signal("lobby", typing, large); !errors.Is(err, roomd.ErrMessageTooLarge) {
		t.Error(err)
	}
	for _, err := range []error{
		connection.Signal(noUTF8, typing, nil), connection.Join(noUTF8), connection.Leave(noUTF8),
	} {
		if !errors.Is(err, roomd.ErrValidation) {
			t.Error(err)
		}
	}
	if err := connection.Signal("lobby", typing, nil); err != nil {
		t.Error(err)
	}
	mustSend(t, connection, "after")
	if dialled := served.streams.Load(); dialled != 1 {
		t.Errorf("dialled %d times", dialled)
	}
}

func TestAConnectionThatNoMessageCanAskForIsRefused(t *testing.T) {
	client := clientOf(t, &liveServer{})
	for channelID, why := range map[string]roomd.Reason{
		noUTF8: roomd.ErrValidation, strings.Repeat("x", serverTakes): roomd.ErrMessageTooLarge,
	} {
		if _, err := client.Connect(within(t, 5*time.Second), channelID); !errors.Is(err, why) {
			t.Error(err)
		}
	}
}

func TestSendsThatTogetherAreTooLargeAllGetThrough(t *testing.T) {
	server := serverprocess.Start(t)
	client := dial(t, server)
	roomOf(t, client, "lobby")
	connection := connect(t, client, "alice")
	server.Kill()
	const count, characters = 25, 190_000 // the longest text has 200,000
	failures := sendBeside(t, connection, count, characters)
	awaitWaiting(t, connection, count)
	server.Again()
	for range count {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
}

// sendBeside sends so many texts at once; how they fail comes in the channel.
func sendBeside(t *testing.T, connection *roomd.Connection, count, characters int) <-chan error {
	t.Helper()
	ctx, failures := within(t, 60*time.Second), make(chan error, count)
	for range count {
		go func() {
			_, err := connection.Send(ctx, "lobby", roomd.Text(strings.Repeat("x", characters)))
			failures <- err
		}()
	}
	return failures
}

func awaitWaiting(t *testing.T, connection *roomd.Connection, count int) {
	t.Helper()
	ctx := within(t, 20*time.Second)
	for roomd.Waiting(connection) != count {
		if ctx.Err() != nil {
			t.Fatalf("%d sends wait", roomd.Waiting(connection))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestWhatTurnsOutTooLargeOnceTheStreamIsOpenFailsAlone(t *testing.T) {
	const less = 256 << 10
	lost, mayOpen := make(chan struct{}), make(chan struct{})
	served := &liveServer{serve: func(number int32, stream liveStream) error {
		if number == 1 {
			if err := stream.Send(&roomdv1.ChannelServiceConnectResponse{
				Message: &roomdv1.ChannelServiceConnectResponse_Opened{Opened: &roomdv1.Opened{}},
			}); err != nil {
				return err
			}
			<-lost
			return status.Error(codes.Unavailable, "away")
		}
		<-mayOpen
		return answerAll(stream, less, less)
	}}
	connection := connect(t, clientOf(t, served), "alice")
	close(lost)
	fitting := sendBeside(t, connection, 3, less/3)
	tooLarge := sendBeside(t, connection, 1, less)
	awaitWaiting(t, connection, 4)
	close(mayOpen)
	for range 3 {
		if err := <-fitting; err != nil {
			t.Error(err)
		}
	}
	if err := <-tooLarge; !errors.Is(err, roomd.ErrMessageTooLarge) {
		t.Error(err)
	}
	mustFail(t, connection, strings.Repeat("x", less), roomd.ErrMessageTooLarge)
	mustSend(t, connection, "after")
	if dialled := served.streams.Load(); dialled != 2 {
		t.Errorf("dialled %d times", dialled)
	}
}

func TestASendThatEndsTheStreamByItsSizeIsNotSentAgain(t *testing.T) {
	served := &liveServer{serve: func(_ int32, stream liveStream) error {
		return answerAll(stream, serverTakes, 1<<20)
	}}
	connection := connect(t, clientOf(t, served), "alice")
	mustSend(t, connection, "before")
	mustFail(t, connection, strings.Repeat("x", 2<<20), roomd.ErrMessageTooLarge)
	mustSend(t, connection, "after")
	if dialled := served.streams.Load(); dialled != 2 {
		t.Errorf("dialled %d times", dialled)
	}
}
