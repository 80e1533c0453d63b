package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// terminal is what a person looks at. It reads well without colour.
type terminal struct {
	out    io.Writer
	colour bool
}

const (
	bold  = "1"
	red   = "31"
	green = "32"
	cyan  = "36"
)

// newTerminal writes to file, in colour when that is a terminal and NO_COLOR is
// not set (https://no-color.org).
func newTerminal(file *os.File) *terminal {
	info, err := file.Stat()
	isTerminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &terminal{out: file, colour: isTerminal && os.Getenv("NO_COLOR") == ""}
}

func (t *terminal) heading(text string) {
	fmt.Fprintf(t.out, "\n%s\n%s\n\n", t.in(bold, text), strings.Repeat("=", len([]rune(text))))
}

func (t *terminal) title(text string)   { fmt.Fprintln(t.out, t.in(bold, text)) }
func (t *terminal) command(line string) { fmt.Fprintln(t.out, t.in(cyan, "$ "+line)) }
func (t *terminal) blank()              { fmt.Fprintln(t.out) }

// print writes text and sees to it that what follows starts on a line of its own.
func (t *terminal) print(text string) {
	if text == "" {
		return
	}
	fmt.Fprintln(t.out, strings.TrimSuffix(text, "\n"))
}

func (t *terminal) right(text string) { fmt.Fprintln(t.out, t.in(green, "✓ "+text)) }
func (t *terminal) wrong(text string) { fmt.Fprintln(t.out, t.in(red, "✗ "+text)) }

func (t *terminal) progress(what string, took time.Duration) {
	fmt.Fprintf(t.out, "%s %s (%.1f s)\n", t.in(green, "✓"), what, took.Seconds())
}

func (t *terminal) in(colour, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
