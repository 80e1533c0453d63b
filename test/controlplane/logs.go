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

// serverLog takes the output of one server. It remembers the last lines for
// error messages, because the files of a control plane that failed to start
// are gone by the time somebody reads the message.
type serverLog struct {
	name string
	out  io.Writer
	// mu is shared by the logs of a control plane: they write to the same out.
	mu      *sync.Mutex
	partial []byte
	tail    []string
}

func newServerLog(name string, out io.Writer, mu *sync.Mutex) *serverLog {
	return &serverLog{name: name, out: out, mu: mu}
}

// Write never fails: a broken log must not stop a server.
func (l *serverLog) Write(p []byte) (int, error) {
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

func (l *serverLog) keep(line string) {
	if len(l.tail) == tailLines {
		l.tail = l.tail[1:]
	}
	l.tail = append(l.tail, line)
	if l.out != nil {
		fmt.Fprintf(l.out, "%s: %s\n", l.name, line)
	}
}

// lastLines returns what an error message says about this server.
func (l *serverLog) lastLines() string {
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
