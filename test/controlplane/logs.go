package controlplane

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// tailLines is how much of a server's output an error message quotes. The
// reason of a failed start is in the last lines; usage texts come before it.
const tailLines = 12

// Log takes the output of one server and passes it on, each line headed by the
// server's name. It remembers the last lines for error messages, because the
// files of a control plane that failed to start are gone by the time somebody
// reads the message.
type Log struct {
	name    string
	out     io.Writer
	mu      *sync.Mutex
	partial []byte
	tail    []string
}

// NewLog returns the Log of the server with this name. Logs that write to the
// same out share mu, so that out gets one Write at a time; nil discards the
// output.
func NewLog(name string, out io.Writer, mu *sync.Mutex) *Log {
	return &Log{name: name, out: out, mu: mu}
}

// Write never fails: a broken log must not stop a server.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		line, rest, found := bytes.Cut(l.partial, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.keep(string(line))
		l.partial = rest
	}
}

func (l *Log) keep(line string) {
	if len(l.tail) == tailLines {
		l.tail = l.tail[1:]
	}
	l.tail = append(l.tail, line)
	if l.out != nil {
		fmt.Fprintf(l.out, "%s: %s\n", l.name, line)
	}
}

// LastLines is what an error message says about this server.
func (l *Log) LastLines() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tail) == 0 && len(l.partial) == 0 {
		return l.name + " printed nothing"
	}
	lines := l.tail
	if len(l.partial) > 0 {
		lines = append(slices.Clip(lines), string(l.partial))
	}
	return l.name + " printed last:\n\t" + strings.Join(lines, "\n\t")
}
