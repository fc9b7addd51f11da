// Audit: an observer that writes down what was said.
//
// The hook is stored and durable: nothing is missed, also while no worker is there. An invocation
// may come twice, after a crash for example, and has the same id then: the id is the key of the
// entry. Such a hook stays on the server when the program ends, which is what it is for; here it is
// deleted at the end, or it would go on collecting.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/roomd/roomd/sdks/go/roomd"
	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// entry is a line of the audit.
type entry struct{ id, line string }

func run(ctx context.Context) error {
	client, err := roomd.Dial(ctx, cmp.Or(os.Getenv("ROOMD_ADDRESS"), "127.0.0.1:7777"),
		roomd.WithToken(os.Getenv("ROOMD_API_KEY")))
	if err != nil {
		return err
	}
	defer client.Close()
	room := client.Room("audit-" + strings.ToLower(rand.Text()))
	web, hook := room.ID()+"-web", room.ID()
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
	_, err = client.Hooks.CreateHook(ctx, &roomdv1.CreateHookRequest{Name: hook, Spec: &roomdv1.HookSpec{
		Triggers: []roomdv1.HookTrigger{roomdv1.HookTrigger_HOOK_TRIGGER_AFTER_BROADCAST},
		Mode:     roomdv1.HookMode_HOOK_MODE_OBSERVE,
		Delivery: roomdv1.HookDelivery_HOOK_DELIVERY_DURABLE,
		Filter:   &roomdv1.HookFilter{RoomIds: []string{room.ID()}},
	}})
	if err != nil {
		return err
	}

	entries := make(chan entry, 16)
	worker := roomd.NewWorker(client)
	worker.ObserveEvent(hook, func(_ context.Context, call *roomd.EventCall) (*roomd.Findings, error) {
		author := call.Event.GetSource().GetParticipantId()
		entries <- entry{call.Invocation.GetInvocationId(), author + ": " + roomd.TextOf(call.Event)}
		return nil, nil
	}, roomd.Stored())
	go worker.Run(ctx)
	if err := worker.Attach(ctx); err != nil {
		return err
	}

	seen := map[string]bool{}
	for _, said := range [][2]string{{"ann", "please close my account"}, {"bob", "done"}} {
		_, err := room.Send(ctx, web, roomd.Text(said[1]), func(request *roomdv1.SendEventRequest) {
			request.ParticipantId = said[0]
		})
		if err != nil {
			return err
		}
		if one := <-entries; !seen[one.id] {
			seen[one.id] = true
			fmt.Println(one.line)
		}
	}
	_, err = client.Hooks.DeleteHook(ctx, &roomdv1.DeleteHookRequest{Name: hook})
	return err
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
