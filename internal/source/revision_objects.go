package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// objects reads a repository's objects. One process does it, started when it
// is first needed. It is safe for concurrent use: requests wait for each
// other.
type objects struct {
	repo *repository

	mu      sync.Mutex
	process *catFile // nil before the first request and after a failed one
	closed  bool
}

// object is an object as git cat-file gives it.
type object struct {
	id, kind string
	size     int64     // bytes
	content  io.Reader // for as long as it is visited
}

// lostObject is an object that cannot be read.
type lostObject struct {
	index int    // of the request
	name  string // as asked for
	cause error  // nil when there is none of that name
}

func (l *lostObject) Error() string {
	if l.cause == nil {
		return "the object " + l.name + " is missing"
	}
	return fmt.Sprintf("read the object %s: %v", l.name, l.cause)
}

func (l *lostObject) Unwrap() error { return l.cause }

// commit finds the commit that an object is or, for a tag, leads to, and the
// commit's tree.
func (o *objects) commit(ctx context.Context, id string) (commit, tree string, err error) {
	err = o.each(ctx, []string{id + "^{commit}"}, func(_ int, found object) error {
		line, err := bufio.NewReader(found.content).ReadString('\n')
		commit, tree = found.id, strings.TrimPrefix(strings.TrimSpace(line), "tree ")
		return err
	})
	return commit, tree, err
}

// each visits objects in the order of their names. The first that cannot be
// read is a *lostObject.
func (o *objects) each(ctx context.Context, names []string, visit func(i int, found object) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return errors.New("the revision is closed")
	}
	if o.process == nil {
		p, err := startCatFile(ctx, o.repo)
		if err != nil {
			return fmt.Errorf("read objects of %s: %w", o.repo.dir, err)
		}
		o.process = p
	}
	p := o.process
	release := context.AfterFunc(ctx, p.kill)
	asked := make(chan error, 1)
	go func() { asked <- p.ask(names) }()
	err := p.answer(names, visit)
	if err == nil {
		err = <-asked
	}
	if release() && err == nil {
		return nil
	}
	o.process = nil
	text := p.end()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var lost *lostObject
	if errors.As(err, &lost) && lost.cause != nil && text != "" {
		lost.cause = errors.New(text)
	}
	return err
}

// close ends the process.
func (o *objects) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	p := o.process
	o.process = nil
	if p == nil {
		return nil
	}
	return errors.Join(p.in.Close(), p.cmd.Wait())
}

// catFile is a git cat-file --batch.
type catFile struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// startCatFile starts a process that outlives ctx.
func startCatFile(ctx context.Context, repo *repository) (*catFile, error) {
	p := &catFile{cmd: repo.offline(context.WithoutCancel(ctx), "cat-file", "--batch")}
	p.cmd.Stderr = &p.stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, 64<<10)
	return p, p.cmd.Start()
}

// ask writes the requests, while answer reads.
func (p *catFile) ask(names []string) error {
	_, err := io.WriteString(p.in, strings.Join(names, "\n")+"\n")
	return err
}

// answer reads the answers: git-cat-file(1), "Batch Output".
func (p *catFile) answer(names []string, visit func(i int, found object) error) error {
	for i, name := range names {
		line, err := p.out.ReadString('\n')
		if err != nil {
			return &lostObject{i, name, err}
		}
		var found object
		parts := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(parts) == 3 {
			found = object{id: parts[0], kind: parts[1]}
			found.size, err = strconv.ParseInt(parts[2], 10, 64)
		}
		if len(parts) != 3 || err != nil {
			return &lostObject{index: i, name: name}
		}
		content := &io.LimitedReader{R: p.out, N: found.size}
		found.content = content
		if err := visit(i, found); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return &lostObject{i, name, err}
		}
		if _, err := p.out.Discard(1); err != nil || content.N > 0 {
			return &lostObject{i, name, io.ErrUnexpectedEOF}
		}
	}
	return nil
}

func (p *catFile) kill() { _ = p.cmd.Process.Kill() }

// end kills the process and returns what it said.
func (p *catFile) end() string {
	_ = p.in.Close() // it may have died before
	p.kill()
	_ = p.cmd.Wait()
	text := strings.TrimSpace(p.stderr.String())
	return strings.TrimPrefix(text[strings.LastIndexByte(text, '\n')+1:], "fatal: ")
}
