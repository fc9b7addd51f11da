// Tool: something that AIs can do, served by this program.
//
// The server checks every call against the tool's schema before the program is asked. Here the
// program calls its own tool, as whoever tries one does; an AI in a room calls it the same way.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/roomd/roomd/sdks/go/roomd"
)

type place struct {
	City string `json:"city"`
}

var weatherTool = roomd.Tool{
	Description: "The weather of a city",
	Parameters: json.RawMessage(`{
		"type": "object",
		"properties": {"city": {"type": "string"}},
		"required": ["city"],
		"additionalProperties": false
	}`),
}

func weather(_ context.Context, in place) (string, error) {
	fmt.Println("asked: the weather in", in.City)
	return "sunny in " + in.City, nil
}

func run(ctx context.Context) error {
	client, err := roomd.Dial(ctx, cmp.Or(os.Getenv("ROOMD_ADDRESS"), "127.0.0.1:7777"),
		roomd.WithToken(os.Getenv("ROOMD_API_KEY")))
	if err != nil {
		return err
	}
	defer client.Close()
	name := strings.ToLower("weather-" + rand.Text())
	worker := roomd.NewWorker(client)
	worker.ServeTool(name, weatherTool, roomd.ToolFunc(weather))
	go worker.Run(ctx)
	if err := worker.Attach(ctx); err != nil {
		return err
	}

	answer, err := client.CallTool(ctx, name, place{City: "Paris"})
	if err != nil {
		return err
	}
	fmt.Println("the AI reads:", answer.GetResult().GetText())

	_, err = client.CallTool(ctx, name, map[string]any{"city": 3})
	var refused *roomd.Error
	if !errors.As(err, &refused) || len(refused.Violations) == 0 {
		return errors.Join(errors.New("a wrong call was not refused"), err)
	}
	fmt.Println("refused:", refused.Violations[0].Field)
	return nil
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
