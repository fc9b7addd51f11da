package roomd_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/roomd/roomd/sdks/go/internal/serverprocess"
	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// sight is what one stream was told to see.
type sight struct {
	everywhere bool
	rooms      map[string]bool // everywhere: those not to see
	most       int             // rooms in one message
}

func (s *sight) take(roomIDs []string, isSeen bool) {
	s.most = max(s.most, len(roomIDs))
	for _, one := range roomIDs {
		if isSeen != s.everywhere {
			s.rooms[one] = true
		} else {
			delete(s.rooms, one)
		}
	}
}

func (s *sight) sees(roomID string) bool { return s.rooms[roomID] != s.everywhere }

// sightUntilASend reads a stream as the server does, until something is sent.
func sightUntilASend(stream liveStream, open *roomdv1.Open) (*sight, error) {
	seen := &sight{
		everywhere: len(open.GetRoomIds()) == 0 && !open.GetNoRooms(), rooms: map[string]bool{},
	}
	seen.take(open.GetRoomIds(), true)
	opened := &roomdv1.Opened{MaxMessageBytes: serverTakes}
	if err := stream.Send(&roomdv1.ChannelServiceConnectResponse{
		Message: &roomdv1.ChannelServiceConnectResponse_Opened{Opened: opened},
	}); err != nil {
		return nil, err
	}
	for {
		request, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		seen.take(request.GetSubscribe().GetRoomIds(), true)
		seen.take(request.GetUnsubscribe().GetRoomIds(), false)
		if request.GetSend() != nil {
			return seen, nil
		}
	}
}

// dialledAgain connects, changes what is seen, and loses the stream; what the first stream was
// told to see, and the second.
func dialledAgain(
	t *testing.T, change func(*roomd.Connection) error, more func(*roomdv1.Open),
) (before, after *sight) {
	t.Helper()
	sights := make(chan *sight, 2)
	served := &liveServer{}
	served.serve = func(number int32, stream liveStream) error {
		seen, err := sightUntilASend(stream, served.open.Load())
		if err != nil {
			return nil // it hung up
		}
		sights <- seen
		if number == 1 {
			return status.Error(codes.Unavailable, "away")
		}
		return answerAll(stream, serverTakes, serverTakes)
	}
	connection, err := clientOf(t, served).Connect(within(t, 20*time.Second), "ws", more)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	if err := change(connection); err != nil {
		t.Fatal(err)
	}
	go connection.Send(within(t, 20*time.Second), "lobby", roomd.Text("now"))
	for _, one := range []**sight{&before, &after} {
		select {
		case *one = <-sights:
		case <-time.After(15 * time.Second):
			t.Fatal("no stream")
		}
	}
	return before, after
}

func numbered(count int) []string {
	var made []string
	for number := range count {
		made = append(made, fmt.Sprint("room-", number))
	}
	return made
}

func TestAConnectionSeesTheSameAfterItWasDialledAgain(t *testing.T) {
	many := numbered(2500)
	join := func(roomIDs ...string) func(*roomd.Connection) error {
		return func(c *roomd.Connection) error { return c.Join(roomIDs...) }
	}
	leave := func(roomIDs ...string) func(*roomd.Connection) error {
		return func(c *roomd.Connection) error { return c.Leave(roomIDs...) }
	}
	for name, one := range map[string]struct {
		opens         []string
		noRooms       bool
		change        func(*roomd.Connection) error
		seen, notSeen []string
	}{
		"one joined":       {opens: []string{"a"}, change: join("b"), seen: []string{"a", "b"}, notSeen: []string{"c"}},
		"the last left":    {opens: []string{"a"}, change: leave("a"), notSeen: []string{"a", "b"}},
		"none":             {noRooms: true, change: leave("a"), notSeen: []string{"a", "b"}},
		"first of none":    {noRooms: true, change: join("a"), seen: []string{"a"}, notSeen: []string{"b"}},
		"all, one joined":  {change: join("a"), seen: []string{"a", "b"}},
		"all, one left":    {change: leave("a"), seen: []string{"b"}, notSeen: []string{"a"}},
		"many joined":      {opens: []string{"a"}, change: join(many...), seen: many, notSeen: []string{"b"}},
		"many opened":      {opens: many, change: leave("room-7"), seen: []string{"room-8", "room-2499"}, notSeen: []string{"room-7", "a"}},
		"all, many left":   {change: leave(many...), seen: []string{"a"}, notSeen: many},
		"all, left, again": {change: func(c *roomd.Connection) error { return errors.Join(c.Leave("a"), c.Join("a")) }, seen: []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := dialledAgain(t, one.change, func(open *roomdv1.Open) {
				open.RoomIds, open.NoRooms = slices.Clone(one.opens), one.noRooms
			})
			for which, told := range map[string]*sight{"first": before, "second": after} {
				if told.most > 1000 {
					t.Errorf("%s stream: %d rooms in a message", which, told.most)
				}
				if at := slices.IndexFunc(one.seen, func(id string) bool { return !told.sees(id) }); at >= 0 {
					t.Errorf("%s stream: does not see %s", which, one.seen[at])
				}
				if at := slices.IndexFunc(one.notSeen, told.sees); at >= 0 {
					t.Errorf("%s stream: sees %s", which, one.notSeen[at])
				}
			}
		})
	}
}

func TestARoomThatIsJoinedWhileAStreamOpensIsSeen(t *testing.T) {
	lost, begun, joined := make(chan struct{}), make(chan struct{}), make(chan struct{})
	sights := make(chan *sight, 1)
	served := &liveServer{}
	served.serve = func(number int32, stream liveStream) error {
		if number == 1 {
			_, err := sightUntilASend(stream, served.open.Load())
			close(lost)
			return errors.Join(err, status.Error(codes.Unavailable, "away"))
		}
		close(begun)
		<-joined
		seen, err := sightUntilASend(stream, served.open.Load())
		sights <- seen
		return err
	}
	connection, err := clientOf(t, served).Connect(within(t, 20*time.Second), "ws",
		func(open *roomdv1.Open) { open.RoomIds = []string{"a", "b"} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	go connection.Send(within(t, 20*time.Second), "lobby", roomd.Text("now"))
	<-lost
	<-begun
	if err := errors.Join(connection.Leave("a"), connection.Join("c")); err != nil {
		t.Error(err)
	}
	close(joined)
	if seen := <-sights; seen == nil || seen.sees("a") || !seen.sees("b") || !seen.sees("c") {
		t.Errorf("%+v", seen)
	}
}

func TestAnIDThatNoRoomHasIsRefusedAtOnce(t *testing.T) {
	client, logged := dialLogging(t, serverprocess.Start(t))
	roomOf(t, client, "lobby")
	connection := connect(t, client, "alice")
	typing := roomdv1.EphemeralType_EPHEMERAL_TYPE_TYPING_START
	for _, roomID := range []string{
		strings.Repeat("é", 257), strings.Repeat("x", serverTakes), noUTF8, "a\x00b",
	} {
		_, opening := client.Connect(within(t, 5*time.Second), "ws", func(open *roomdv1.Open) {
			open.RoomIds = append(numbered(1500), roomID)
		})
		for field, errs := range map[string][]error{
			"room_ids[1500]": {opening},
			"room_ids[1]":    {connection.Join("lobby", roomID), connection.Leave("lobby", roomID)},
			"room_id":        {connection.Signal(roomID, typing, nil), connection.Signal("", typing, nil)},
			"type":           {connection.Signal("lobby", 0, nil)},
		} {
			for _, err := range errs {
				var failed *roomd.Error
				if !errors.Is(err, roomd.ErrValidation) || !errors.As(err, &failed) ||
					failed.Violations[0].Field != field {
					t.Errorf("%v of an id of %d bytes", err, len(roomID))
				}
			}
		}
	}
	longest := strings.Repeat("é", 256)
	if err := errors.Join(connection.Join(longest), connection.Leave(longest)); err != nil {
		t.Error(err)
	}
	mustSend(t, connection, "after")
	if told := logged.String(); told != "" {
		t.Errorf("the connection was lost: %s", told)
	}
}

func TestARoomThatWasLeftStaysLeftWhenTheServerIsKilled(t *testing.T) {
	for name, rooms := range map[string][]string{"one room": {"lobby"}, "all rooms": nil} {
		t.Run(name, func(t *testing.T) {
			server := serverprocess.Start(t)
			client := dial(t, server)
			room := roomOf(t, client, "lobby")
			ctx := within(t, 60*time.Second)
			connection, err := client.Connect(ctx, "ws", func(open *roomdv1.Open) {
				open.RoomIds, open.ParticipantId = rooms, "alice"
			})
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			if err := connection.Leave("lobby"); err != nil {
				t.Fatal(err)
			}
			mustSend(t, connection, "the server has read all that it was told before")
			server.Kill()
			server.Again()
			mustSend(t, connection, "and once more")
			say(t, room, "not for it")
			if err := connection.Join("lobby"); err != nil {
				t.Fatal(err)
			}
			mustSend(t, connection, "its own")
			say(t, room, "for it")
			for incoming, err := range connection.Receive(ctx) {
				if err != nil {
					t.Fatal(err)
				}
				if got := roomd.TextOf(incoming.Event); got != "for it" {
					t.Fatalf("got %q", got)
				}
				break
			}
		})
	}
}
