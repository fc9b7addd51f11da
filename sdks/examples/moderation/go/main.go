// Moderation: a hook that looks at every message before anybody sees it.
//
// It blocks advertising and takes phone numbers out; three messages show it.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"regexp"
	"strings"

	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

var phoneNumber = regexp.MustCompile(`\+?\d[\d -]{6,}\d`)

func moderate(_ context.Context, call *roomd.EventCall) (*roomd.Decision, error) {
	words := roomd.TextOf(call.Event)
	if strings.Contains(words, "buy now") {
		return roomd.Block("no advertising"), nil
	}
	return call.Modify(func(event *roomdv1.RoomEvent) {
		if phoneNumber.MatchString(words) {
			event.Content = roomd.Text(phoneNumber.ReplaceAllString(words, "[number]"))
		}
	})
}

func run(ctx context.Context) error {
	client, err := roomd.Dial(ctx, cmp.Or(os.Getenv("ROOMD_ADDRESS"), "127.0.0.1:7777"),
		roomd.WithToken(os.Getenv("ROOMD_API_KEY")))
	if err != nil {
		return err
	}
	defer client.Close()
	room := client.Room("moderation-" + rand.Text())
	web := room.ID() + "-web"
	channel := &roomdv1.Channel{ChannelId: web, Type: roomdv1.ChannelType_CHANNEL_TYPE_WEBSOCKET}
	if _, err := client.Register(ctx, channel); err != nil {
		return err
	}
	if _, err := room.Create(ctx); err != nil {
		return err
	}
	if _, err := room.Attach(ctx, web); err != nil {
		return err
	}

	worker := roomd.NewWorker(client)
	worker.OnEvent("moderation-go", moderate, roomd.InRooms(room.ID()))
	go worker.Run(ctx)
	if err := worker.Attach(ctx); err != nil {
		return err
	}

	for _, words := range []string{"hello everybody", "buy now!", "call me at 555 0142 77"} {
		sent, err := room.Send(ctx, web, roomd.Text(words))
		if err != nil {
			return err
		}
		became := roomd.TextOf(sent.GetEvent())
		if sent.GetOutcome() == roomdv1.Outcome_OUTCOME_BLOCKED {
			became = "blocked: " + sent.GetReason()
		}
		fmt.Printf("%s -> %s\n", words, became)
	}
	return nil
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
