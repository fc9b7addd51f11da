package roomd_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/roomd/roomd/sdks/go/internal/serverprocess"
	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// These tests talk to a real server.

func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, server *serverprocess.Server) *roomd.Client {
	t.Helper()
	client, err := roomd.Dial(within(t, 20*time.Second), server.Address, roomd.WithToken(serverprocess.Key))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// roomOf makes a room with a live channel in it.
func roomOf(t *testing.T, client *roomd.Client, roomID string) *roomd.Room {
	t.Helper()
	ctx := within(t, 20*time.Second)
	_, err := client.Register(ctx, &roomdv1.Channel{
		ChannelId: "ws", Type: roomdv1.ChannelType_CHANNEL_TYPE_WEBSOCKET,
	})
	if err != nil {
		t.Fatal(err)
	}
	room := client.Room(roomID)
	if _, err := room.Create(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := room.Attach(ctx, "ws"); err != nil {
		t.Fatal(err)
	}
	return room
}

// serve runs a worker until the test ends; returns once it is attached.
func serve(t *testing.T, worker *roomd.Worker) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	stop = func() error {
		cancel()
		select {
		case err := <-ended:
			ended <- err
			return err
		case <-time.After(15 * time.Second):
			return errors.New("the worker does not end")
		}
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	if err := worker.Attach(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	return stop
}

func say(t *testing.T, room *roomd.Room, text string) *roomdv1.SendEventResponse {
	t.Helper()
	response, err := room.Send(within(t, 20*time.Second), "ws", roomd.Text(text))
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestAHookDecides(t *testing.T) {
	client := dial(t, serverprocess.Start(t))
	room := roomOf(t, client, "lobby")
	worker := roomd.NewWorker(client)
	worker.OnEvent("go-gate", func(_ context.Context, call *roomd.EventCall) (*roomd.Decision, error) {
		switch text := roomd.TextOf(call.Event); {
		case strings.Contains(text, "spam"):
			return roomd.Block("no spam"), nil
		case strings.Contains(text, "rude"):
			return call.Modify(func(event *roomdv1.RoomEvent) { event.Content = roomd.Text("****") })
		}
		return roomd.Allow(), nil
	}, roomd.WithRoom(3), roomd.Priority(2))
	serve(t, worker)
	if told := say(t, room, "hello"); told.GetOutcome() != roomdv1.Outcome_OUTCOME_ACCEPTED {
		t.Errorf("hello: %v", told)
	}
	told := say(t, room, "buy spam")
	if told.GetOutcome() != roomdv1.Outcome_OUTCOME_BLOCKED || told.GetReason() != "no spam" ||
		told.GetBlockedBy() != "go-gate" {
		t.Errorf("spam: %v", told)
	}
	if told := say(t, room, "rude words"); roomd.TextOf(told.GetEvent()) != "****" {
		t.Errorf("rude: %v", told)
	}
}

func TestErrorsHaveReasons(t *testing.T) {
	client := dial(t, serverprocess.Start(t))
	_, err := client.Room("nowhere").Get(t.Context())
	var failed *roomd.Error
	if !errors.Is(err, roomd.ErrRoomNotFound) || !errors.As(err, &failed) {
		t.Fatalf("%v", err)
	}
	_, err = client.Room("").Get(t.Context())
	if !errors.As(err, &failed) || failed.Reason != roomd.ErrValidation ||
		failed.Violations[0].Field != "room_id" {
		t.Fatalf("%v", err)
	}
	stranger, err := roomd.Dial(t.Context(), roomd.Target(client), roomd.WithToken("rd_dev_wrong"))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if _, err = stranger.Room("x").Get(t.Context()); !errors.Is(err, roomd.ErrCredentialInvalid) {
		t.Fatalf("%v", err)
	}
	worker := roomd.NewWorker(stranger)
	if err := worker.Run(t.Context()); !errors.Is(err, roomd.ErrCredentialInvalid) {
		t.Fatalf("%v", err)
	}
}

func TestTheTimelineIsWalkedThroughPageByPage(t *testing.T) {
	client := dial(t, serverprocess.Start(t))
	room := roomOf(t, client, "lobby")
	for number := range 7 {
		say(t, room, fmt.Sprint("message ", number))
	}
	var texts []string
	for event, err := range room.Events(t.Context(), func(r *roomdv1.ListEventsRequest) {
		r.PageSize = 3
		r.Filter = &roomdv1.EventFilter{Types: []roomdv1.EventType{roomdv1.EventType_EVENT_TYPE_MESSAGE}}
	}) {
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, roomd.TextOf(event))
	}
	if len(texts) != 7 || texts[6] != "message 6" {
		t.Fatal(texts)
	}
}

func TestAnEventIsEditedAndWithdrawn(t *testing.T) {
	client := dial(t, serverprocess.Start(t))
	room := roomOf(t, client, "lobby")
	first := say(t, room, "helo").GetEvent().GetEventId()
	edited, err := room.Edit(t.Context(), first, roomd.Text("hello"))
	if err != nil || roomd.TextOf(edited.GetEvent()) != "hello" {
		t.Fatal(edited, err)
	}
	gone, err := room.Withdraw(t.Context(), first, "a mistake")
	if err != nil || gone.GetEvent().GetDeleteTime() == nil {
		t.Fatal(gone, err)
	}
}

func TestASubscriptionMissesNothingWhenTheServerIsKilled(t *testing.T) {
	server := serverprocess.Start(t)
	client := dial(t, server)
	room := roomOf(t, client, "lobby")
	heard := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for item, err := range room.Subscribe(ctx, roomd.AfterIndex(-1)) {
			if err != nil {
				return
			}
			if item.GetSubscribed() != nil {
				heard <- "subscribed"
			} else if text := roomd.TextOf(item.GetEvent()); strings.HasPrefix(text, "message") {
				heard <- text
			}
		}
	}()
	wanted := []string{"subscribed"}
	for number := range 6 {
		text := fmt.Sprint("message ", number)
		wanted = append(wanted, text)
		if number == 3 {
			server.Kill()
			server.Again()
		}
		say(t, room, text)
	}
	for _, text := range wanted {
		select {
		case got := <-heard:
			if got != text {
				t.Fatalf("got %q, wanted %q", got, text)
			}
		case <-time.After(15 * time.Second):
			t.Fatalf("%q did not come", text)
		}
	}
}

func TestALiveConnectionOutlivesTheServer(t *testing.T) {
	server := serverprocess.Start(t)
	client := dial(t, server)
	room := roomOf(t, client, "lobby")
	ctx := within(t, 60*time.Second)
	alice := connect(t, client, "alice")
	bob := connect(t, client, "bob")
	for number := range 4 {
		if number == 2 {
			server.Kill()
			server.Again()
			// Who is not there when something is said reads it in the timeline.
			awaitAttached(t, client, "ws", 2)
		}
		text := fmt.Sprint("message ", number)
		result, err := alice.Send(ctx, room.ID(), roomd.Text(text))
		if err != nil || result.GetOutcome() != roomdv1.Outcome_OUTCOME_ACCEPTED {
			t.Fatal(result, err)
		}
		for incoming, err := range bob.Receive(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if got := roomd.TextOf(incoming.Event); got != text {
				t.Fatalf("got %q, wanted %q", got, text)
			}
			break
		}
	}
}

func connect(t *testing.T, client *roomd.Client, participantID string) *roomd.Connection {
	t.Helper()
	connection, err := client.Connect(within(t, 20*time.Second), "ws", func(open *roomdv1.Open) {
		open.ParticipantId = participantID
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	return connection
}

func awaitAttached(t *testing.T, client *roomd.Client, channelID string, count int32) {
	t.Helper()
	ctx := within(t, 20*time.Second)
	for {
		response, err := client.Channels.GetChannel(ctx, &roomdv1.GetChannelRequest{ChannelId: channelID})
		if err != nil {
			t.Fatal(err)
		}
		if response.GetChannel().GetAttached() == count {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
