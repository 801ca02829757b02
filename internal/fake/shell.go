package fake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// process runs the command line of a RUN instruction: commands joined by &&,
// of words without quotes, with $VARIABLE, "> FILE" and ">&2". The commands
// are echo, cat, sha256sum, sleep, true and exit.
type process struct {
	files   files
	secrets map[string][]byte // by path; not part of the files
	env     map[string]string
	output  func(stderr bool, data []byte)
}

// exitError is a command that ended with another code than 0.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code: %d", int(e)) }

func (p *process) run(ctx context.Context, line string) error {
	for command := range strings.SplitSeq(line, "&&") {
		if err := p.command(ctx, strings.Fields(command)); err != nil {
			return err
		}
	}
	return nil
}

func (p *process) command(ctx context.Context, words []string) error {
	var out bytes.Buffer
	stderr, to := false, ""
	if n := len(words); n > 1 && words[n-1] == ">&2" {
		stderr, words = true, words[:n-1]
	} else if n > 2 && words[n-2] == ">" {
		to, words = words[n-1], words[:n-2]
	}
	words = strings.Fields(os.Expand(strings.Join(words, " "), func(name string) string { return p.env[name] }))
	if len(words) == 0 {
		return nil
	}
	err := p.builtin(ctx, words[0], words[1:], &out)
	if to != "" {
		p.files.put(inside(to), file{mode: 0o644, content: out.Bytes()})
	} else if out.Len() > 0 {
		p.output(stderr, out.Bytes())
	}
	return err
}

func (p *process) builtin(ctx context.Context, name string, args []string, out *bytes.Buffer) error {
	switch name {
	case "true":
		return nil
	case "echo":
		fmt.Fprintln(out, strings.Join(args, " "))
		return nil
	case "sleep", "exit":
		if len(args) == 1 {
			n, err := strconv.Atoi(args[0])
			if err == nil && name == "sleep" {
				return sleep(ctx, time.Duration(n)*time.Second)
			}
			if err == nil && n != 0 {
				return exitError(n)
			}
			if err == nil {
				return nil
			}
		}
	case "cat", "sha256sum":
		for _, arg := range args {
			content, ok := p.read(arg)
			if !ok {
				p.output(true, fmt.Appendf(nil, "%s: can't open '%s': No such file or directory\n", name, arg))
				return exitError(1)
			}
			if name == "cat" {
				out.Write(content)
			} else {
				fmt.Fprintf(out, "%x  %s\n", sha256.Sum256(content), arg)
			}
		}
		return nil
	}
	return fmt.Errorf("the fake builder has no command %s for %q", name, args)
}

func (p *process) read(name string) ([]byte, bool) {
	if content, ok := p.secrets[inside(name)]; ok {
		return content, true
	}
	f, ok := p.files[inside(name)]
	return f.content, ok && f.mode.IsRegular()
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return errors.Join(ctx.Err(), context.Cause(ctx))
	case <-t.C:
		return nil
	}
}
