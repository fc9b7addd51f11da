// Channel: a pager that this program serves.
//
// The server calls Deliver for every message that should reach it, in a form that it can show,
// and tries again when it fails. What comes back from the pager enters with Inbound.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// pager is a channel of our own.
func pager(paged chan<- struct{}) roomd.ChannelProvider {
	var attempts atomic.Int32
	return roomd.ChannelProvider{
		Deliver: func(_ context.Context, asked *roomdv1.ChannelDelivery) (*roomdv1.DeliveryOutcome, error) {
			attempt := attempts.Add(1)
			if attempt == 1 {
				return nil, &roomd.DeliveryError{
					Code: "busy", Message: "the line is busy", RetryAfter: 50 * time.Millisecond,
				}
			}
			fmt.Printf("pager of %s, attempt %d: %s\n",
				asked.GetRecipient(), attempt, roomd.TextOf(asked.GetEvent()))
			paged <- struct{}{}
			return roomd.Sent(asked.GetDeliveryId()), nil
		},
		Convert: func(_ context.Context, message *roomdv1.InboundMessage) (*roomdv1.Converted, error) {
			words := message.GetContent().GetText().GetBody()
			return &roomdv1.Converted{Content: roomd.Text("[pager] " + words)}, nil
		},
	}
}

// furnish makes a room with the pager and a desk in it.
func furnish(ctx context.Context, client *roomd.Client, room *roomd.Room, desk string) error {
	metadata, err := roomd.Metadata(map[string]any{"recipient_id": "doctor"})
	if err != nil {
		return err
	}
	for _, channel := range []*roomdv1.Channel{
		{
			ChannelId:      room.ID(),
			Type:           roomdv1.ChannelType_CHANNEL_TYPE_WEBHOOK,
			Capabilities:   &roomdv1.Capabilities{MaxLength: 80},
			Implementation: roomd.ServedBy(strings.ToLower(room.ID())),
		},
		{ChannelId: desk, Type: roomdv1.ChannelType_CHANNEL_TYPE_WEBSOCKET},
	} {
		if _, err := client.Register(ctx, channel); err != nil {
			return err
		}
	}
	if _, err := room.Create(ctx); err != nil {
		return err
	}
	if _, err := room.Attach(ctx, room.ID(), func(b *roomdv1.Binding) { b.Metadata = metadata }); err != nil {
		return err
	}
	_, err = room.Attach(ctx, desk)
	return err
}

func run(ctx context.Context) error {
	client, err := roomd.Dial(ctx, cmp.Or(os.Getenv("ROOMD_ADDRESS"), "127.0.0.1:7777"),
		roomd.WithToken(os.Getenv("ROOMD_API_KEY")))
	if err != nil {
		return err
	}
	defer client.Close()
	room := client.Room("pager-" + rand.Text())
	desk := room.ID() + "-desk"
	paged := make(chan struct{}, 1)
	worker := roomd.NewWorker(client)
	worker.ServeChannel(strings.ToLower(room.ID()), pager(paged))
	go worker.Run(ctx)
	if err := worker.Attach(ctx); err != nil {
		return err
	}
	if err := furnish(ctx, client, room, desk); err != nil {
		return err
	}
	if _, err := room.Send(ctx, desk, roomd.Text("Room 4, please")); err != nil {
		return err
	}
	<-paged
	answer := &roomdv1.InboundMessage{
		ChannelId: room.ID(), SenderId: "doctor", Content: roomd.Text("on my way"),
	}
	told, err := client.Inbound(ctx, answer, func(request *roomdv1.ProcessInboundRequest) {
		request.RoomId, request.Wait = room.ID(), roomdv1.Wait_WAIT_DELIVERED
	})
	if err != nil {
		return err
	}
	fmt.Println("the room reads:", roomd.TextOf(told.GetEvent()))
	return nil
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
