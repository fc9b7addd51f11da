// Package serverprocess runs a real roomd server for tests.
package serverprocess

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Key is what the server asks for.
const Key = "rd_dev_0123456789abcdef0123456789abcdef"

// Command is the variable that says how a server is started, for example "python -m
// roomd_server.cli".
const Command = "ROOMD_SERVER_CMD"

const stopTime = 30 * time.Second

// Server is one `roomd serve`, on one port and one file: it can be killed and started again where
// it was.
type Server struct {
	Address string

	t       testing.TB
	file    string
	process *exec.Cmd
}

// Start starts a server, which ends with the test. Without a command to start one the test is
// skipped; with CI or ROOMD_REQUIRE_ALL set it fails.
func Start(t testing.TB) *Server {
	t.Helper()
	if os.Getenv(Command) == "" {
		if os.Getenv("CI") != "" || os.Getenv("ROOMD_REQUIRE_ALL") != "" {
			t.Fatalf("%s is not set, and here nothing may be skipped", Command)
		}
		t.Skipf("SKIPPED: %s is not set, so there is no real server to test against", Command)
	}
	made := &Server{t: t, Address: freeAddress(t), file: filepath.Join(t.TempDir(), "rooms.db")}
	made.Again()
	t.Cleanup(func() { made.end(syscall.SIGKILL) })
	return made
}

// Again starts it where it was.
func (s *Server) Again() {
	s.t.Helper()
	words := strings.Fields(os.Getenv(Command))
	words = append(words, "serve", "--listen", s.Address, "--store", "sqlite:///"+s.file,
		"--api-key", Key)
	s.process = exec.Command(words[0], words[1:]...)
	s.process.Stderr = os.Stderr
	output, err := s.process.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "roomd serves on") {
			go func() {
				for lines.Scan() {
					continue // so that it never waits for a reader
				}
			}()
			return
		}
	}
	s.t.Fatal("the server did not start")
}

// Kill ends it with SIGKILL.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Terminate ends it with SIGTERM and waits.
func (s *Server) Terminate() { s.end(syscall.SIGTERM) }

func (s *Server) end(signal syscall.Signal) {
	if s.process == nil {
		return
	}
	process := s.process
	s.process = nil
	_ = process.Process.Signal(signal) // it may have ended by itself
	late := time.AfterFunc(stopTime, func() { _ = process.Process.Kill() })
	_ = process.Wait() // by a signal: an error as a rule
	late.Stop()
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
