// Chat: two people on live connections.
//
// Each prints what reaches them; an event is acknowledged when the loop's body has run for it.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"

	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// join gives somebody a channel of their own in the room, and opens it.
func join(
	ctx context.Context, client *roomd.Client, room *roomd.Room, name string,
) (*roomd.Connection, error) {
	own := room.ID() + "-" + name
	channel := &roomdv1.Channel{ChannelId: own, Type: roomdv1.ChannelType_CHANNEL_TYPE_WEBSOCKET}
	if _, err := client.Register(ctx, channel); err != nil {
		return nil, err
	}
	if _, err := room.Attach(ctx, own, func(b *roomdv1.Binding) { b.ParticipantId = name }); err != nil {
		return nil, err
	}
	return client.Connect(ctx, own, func(open *roomdv1.Open) {
		open.ParticipantId, open.Ephemeral = name, true
	})
}

// hear reads until somebody else has said something; typing is shown on the way.
func hear(ctx context.Context, name string, connection *roomd.Connection) error {
	for incoming, err := range connection.Receive(ctx) {
		if err != nil {
			return err
		}
		fleeting := incoming.Ephemeral
		if fleeting.GetType() == roomdv1.EphemeralType_EPHEMERAL_TYPE_TYPING_START &&
			fleeting.GetUserId() != name {
			fmt.Printf("%s sees that %s types\n", name, fleeting.GetUserId())
		}
		if text := roomd.TextOf(incoming.Event); text != "" {
			fmt.Printf("%s reads: %s\n", name, text)
			return nil
		}
	}
	return nil
}

func run(ctx context.Context) error {
	client, err := roomd.Dial(ctx, cmp.Or(os.Getenv("ROOMD_ADDRESS"), "127.0.0.1:7777"),
		roomd.WithToken(os.Getenv("ROOMD_API_KEY")))
	if err != nil {
		return err
	}
	defer client.Close()
	room := client.Room("chat-" + rand.Text())
	if _, err := room.Create(ctx); err != nil {
		return err
	}
	ann, err := join(ctx, client, room, "ann")
	if err != nil {
		return err
	}
	defer ann.Close()
	bob, err := join(ctx, client, room, "bob")
	if err != nil {
		return err
	}
	defer bob.Close()

	ann.Signal(room.ID(), roomdv1.EphemeralType_EPHEMERAL_TYPE_TYPING_START, nil)
	if _, err := ann.Send(ctx, room.ID(), roomd.Text("Hi Bob, lunch?")); err != nil {
		return err
	}
	if err := hear(ctx, "bob", bob); err != nil {
		return err
	}
	if _, err := bob.Send(ctx, room.ID(), roomd.Text("Gladly.")); err != nil {
		return err
	}
	return hear(ctx, "ann", ann)
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
