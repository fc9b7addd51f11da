// Command gate is a hook for tests and measurements of several SDKs together: it blocks messages
// that contain a word. It prints "attached" once it serves, and drains on SIGTERM.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/roomd/roomd/sdks/go/roomd"
)

func run(ctx context.Context) error {
	name := flag.String("name", "go-gate", "name of the hook")
	word := flag.String("word", "", "block messages with this word; empty: none")
	isStored := flag.Bool("stored", false, "attach to the hook that is stored in the server")
	window := flag.Int("window", 0, "calls at once; 0: as the server wants")
	flag.Parse()
	client, err := roomd.Dial(ctx, os.Getenv("ROOMD_ADDRESS"), roomd.WithToken(os.Getenv("ROOMD_API_KEY")))
	if err != nil {
		return err
	}
	defer client.Close()
	var options []roomd.HookOption
	if *isStored {
		options = append(options, roomd.Stored())
	}
	worker := roomd.NewWorker(client, roomd.WithWindow(int32(*window), 0, 0))
	worker.OnEvent(*name, func(_ context.Context, call *roomd.EventCall) (*roomd.Decision, error) {
		if *word != "" && strings.Contains(roomd.TextOf(call.Event), *word) {
			return roomd.Block("go says no"), nil
		}
		return roomd.Allow(), nil
	}, options...)
	go func() {
		if err := worker.Attach(ctx); err != nil {
			log.Fatal(err)
		}
		fmt.Println("attached")
	}()
	return worker.RunUntilSignal(ctx)
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
