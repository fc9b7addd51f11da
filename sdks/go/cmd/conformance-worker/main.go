// Command conformance-worker is the Go SDK under the conformance suite
// (tests/sdk/conformance/README.md): commands on stdin, observations on stdout, one JSON object
// per line. It uses only what users have; --broken=NAME breaks the stream below the SDK.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/roomd/roomd/sdks/go/roomd"
)

const maxLine = 16 << 20

// command is one line of the input.
type command struct {
	Do       string        `json:"do"`
	Address  string        `json:"address"`
	Key      string        `json:"key"`
	Settings settings      `json:"settings"`
	Handlers []handlerCase `json:"handlers"`
	Name     string        `json:"name"`
}

// settings are options of the SDK.
type settings struct {
	WorkerID  string `json:"worker_id"`
	Takeover  bool   `json:"takeover"`
	Reconnect struct {
		FirstMS  *float64 `json:"first_ms"`
		MaxMS    *float64 `json:"max_ms"`
		SteadyMS *float64 `json:"steady_ms"`
		Jitter   *float64 `json:"jitter"`
	} `json:"reconnect"`
}

// mouth says what was seen, a line at a time.
type mouth struct{ sync.Mutex }

func (m *mouth) say(saw string, fields map[string]any) {
	line := map[string]any{"saw": saw}
	for name, value := range fields {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		text, _ = json.Marshal(map[string]string{"saw": "fault", "message": err.Error()})
	}
	m.Lock()
	defer m.Unlock()
	fmt.Println(string(text))
}

// process serves one case after the other.
type process struct {
	mouth
	fault   fault
	current *caseWorker
}

func main() {
	name := flag.String("broken", "", "break the worker in this way")
	flag.Parse()
	broken, isKnown := faults[*name]
	if *name != "" && !isKnown {
		fmt.Fprintf(os.Stderr, "--broken=%s is not known\n", *name)
		os.Exit(2)
	}
	made := &process{fault: broken}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	lines := make(chan []byte)
	go read(lines)
	made.say("ready", map[string]any{"sdk": "go", "version": roomd.Version})
	for {
		select {
		case line, isOpen := <-lines:
			if !isOpen {
				made.stop(false)
				return
			}
			made.obey(line)
		case <-terminated:
			made.stop(true)
			return
		}
	}
}

func read(lines chan<- []byte) {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, maxLine)
	for input.Scan() {
		lines <- append([]byte(nil), input.Bytes()...)
	}
	close(lines)
}

func (p *process) obey(line []byte) {
	var told command
	if err := json.Unmarshal(line, &told); err != nil {
		p.say("fault", map[string]any{"message": err.Error()})
		return
	}
	switch told.Do {
	case "start":
		p.current = newCaseWorker(&p.mouth, p.fault, told)
	case "attach":
		p.current.attach(told.Handlers)
	case "detach":
		p.current.detach(told.Name)
	case "stop":
		p.stop(true)
	case "abandon":
		p.stop(false)
	default:
		p.say("unsupported", map[string]any{"what": told.Do})
	}
}

// stop ends the case; gracefully or at once.
func (p *process) stop(graceful bool) {
	if p.current == nil {
		return
	}
	ending := p.current
	p.current = nil
	ending.close(graceful)
	p.say("stopped", nil)
}

// background is a context of its own for each case.
func background() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}
