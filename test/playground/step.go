package main

import (
	"fmt"
	"strings"

	"fedmesh.io/fedmesh/test/controlplane"
)

// section is a heading with steps under it.
type section struct {
	title string
	steps []step
}

// step is one thing that is to be seen.
type step struct {
	// title says what it is.
	title    string
	commands []command
	// result is said when every command did what it should.
	result string
}

// command is one run of kubectl, and what it should do.
type command struct {
	args []string
	// exit is the exit status that it should have.
	exit int
	// want is what it should print, each of them somewhere, and not is what it
	// should not.
	want, not []string
	// same says that it should print the same as every other command of the
	// step that is marked so.
	same bool
	// patient commands are repeated for a while until they do what they should:
	// what was applied a moment ago, the server has yet to hear of. They must
	// change nothing.
	patient bool
	// rivals are more commands that are run at the same moment. Exactly one of
	// them all is to succeed; what the others print, want and not are about.
	rivals [][]string
}

// judgeRivals is judge for commands that were run at the same moment.
func (c command) judgeRivals(results []controlplane.KubectlResult) string {
	succeeded := 0
	for _, result := range results {
		if result.ExitCode == 0 {
			succeeded++
		} else if complaint := c.judge(result); complaint != "" {
			return complaint
		}
	}
	if succeeded != 1 {
		return fmt.Sprintf("%d of %d succeeded; want exactly one", succeeded, len(results))
	}
	return ""
}

// judge compares what a command did with what it should do. The result is empty
// when that is the same.
func (c command) judge(result controlplane.KubectlResult) string {
	output := printed(result)
	if result.ExitCode != c.exit {
		return fmt.Sprintf("exit status is %d; want %d", result.ExitCode, c.exit)
	}
	for _, text := range c.want {
		if !strings.Contains(output, text) {
			return fmt.Sprintf("%q is missing", text)
		}
	}
	for _, text := range c.not {
		if strings.Contains(output, text) {
			return fmt.Sprintf("%q should not be there", text)
		}
	}
	return ""
}

// printed is what a terminal would show: kubectl warns before it does something.
func printed(result controlplane.KubectlResult) string { return result.Stderr + result.Stdout }

// line is the command as it is typed into a shell.
func (c command) line() string {
	text := line(c.args)
	for _, args := range c.rivals {
		text += " & " + line(args)
	}
	return text
}

func line(args []string) string {
	words := []string{"kubectl"}
	for _, arg := range args {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

// quote protects from the shell what needs it, of a flag only the value.
func quote(arg string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=/.,:@%+"
	if strings.Trim(arg, plain) == "" && arg != "" {
		return arg
	}
	flag, value, found := strings.Cut(arg, "=")
	if !found || !strings.HasPrefix(flag, "--") {
		flag, value = "", arg
	} else {
		flag += "="
	}
	return flag + "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
