package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
)

// secretsReachOnlyTheBuild: a secret is read by the instruction that mounts
// it, and is in no blob, no progress and not in the next instruction.
func secretsReachOnlyTheBuild(t *testing.T, b BuilderUnderTest) {
	const secret = "s3cr3t-value-of-the-test"
	req := b.request("FROM "+baseName,
		"RUN --mount=type=secret,id=token sha256sum /run/secrets/token > /sum",
		"RUN --mount=type=secret,id=token,target=/etc/token,required=true echo looking && sha256sum /etc/token > /sum2",
		"RUN --mount=type=secret,id=unknown true")
	req.Secrets = []executor.Secret{
		{ID: "other", Value: func() ([]byte, error) { t.Error("a secret was read that nobody asked for"); return nil, nil }},
		{ID: "token", Value: func() ([]byte, error) { return []byte(secret), nil }},
	}
	result, told, err := b.try(t.Context(), t, req)
	if err != nil {
		t.Fatal(err)
	}
	b.wantFile(t, result.Manifest, "sum", digest.FromString(secret).Encoded()+"  /run/secrets/token\n")
	b.wantFile(t, result.Manifest, "sum2", digest.FromString(secret).Encoded()+"  /etc/token\n")
	if strings.Contains(told.output(), secret) {
		t.Error("the secret is in the progress")
	}
	for _, dgst := range b.digests(t) {
		data, err := b.Store.ReadBlob(t.Context(), dgst)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(plain(t, data)), secret) {
			t.Errorf("the secret is in blob %s", dgst)
		}
	}
}

// secretTrouble: a secret that cannot be read, or is not there although the
// instruction requires it, fails the build, which says which one.
func secretTrouble(t *testing.T, b BuilderUnderTest) {
	req := b.request("FROM "+baseName, "RUN --mount=type=secret,id=token,required=true cat /run/secrets/token")
	if _, _, err := b.try(t.Context(), t, req); err == nil || !strings.Contains(err.Error(), "token") || executor.Transient(err) {
		t.Errorf("without the secret the error is %v", err)
	}
	req.Secrets = []executor.Secret{{ID: "token", Value: func() ([]byte, error) { return nil, errors.New("NPM_TOKEN is not set") }}}
	if _, _, err := b.try(t.Context(), t, req); err == nil || !strings.Contains(err.Error(), "NPM_TOKEN is not set") {
		t.Errorf("the error is %v, want the reason why the secret cannot be read", err)
	}
}

// wantBuildError checks that err is one that trying again does not mend.
func wantBuildError(t *testing.T, err error) *executor.BuildError {
	t.Helper()
	var failed *executor.BuildError
	if !errors.As(err, &failed) {
		t.Fatalf("error is %v (%T), want a BuildError", err, err)
	}
	if executor.Transient(err) {
		t.Errorf("%v calls itself transient", err)
	}
	return failed
}

// failedInstruction: the error has the exit code, the instruction and its
// lines of the Dockerfile, and nothing comes into the store.
func failedInstruction(t *testing.T, b BuilderUnderTest) {
	before := b.digests(t)
	req := b.request("FROM "+baseName+" AS first", "RUN true", "", "RUN echo one && \\", "    exit 42", "LABEL after=1")
	_, _, err := b.try(t.Context(), t, req)
	failed := wantBuildError(t, err)
	if failed.ExitCode != 42 || !strings.Contains(failed.Step, "RUN echo one") {
		t.Errorf("exit code %d of %q, want 42 of RUN echo one", failed.ExitCode, failed.Step)
	}
	if !strings.Contains(err.Error(), "exit code 42") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %q, want one line with the exit code", err)
	}
	wantExcerpt(t, failed.Excerpt, "app/Dockerfile:4", "RUN echo one && \\", "exit 42")
	req.DockerfileTitle = "dockerfile_inline of app"
	_, _, err = b.try(t.Context(), t, req)
	wantExcerpt(t, wantBuildError(t, err).Excerpt, "dockerfile_inline of app:4", "RUN echo one && \\", "exit 42")
	if after := b.digests(t); len(after) != len(before) {
		t.Errorf("the store had %d blobs and has %d", len(before), len(after))
	}
}

// wantExcerpt checks where an excerpt is of, and that just the lines are
// marked.
func wantExcerpt(t *testing.T, excerpt, at string, lines ...string) {
	t.Helper()
	if !strings.HasPrefix(excerpt, at+"\n") {
		t.Errorf("the excerpt does not begin with %s:\n%s", at, excerpt)
	}
	var marked []string
	for line := range strings.Lines(excerpt) {
		if _, text, ok := strings.Cut(line, "| >>> "); ok {
			marked = append(marked, strings.TrimSpace(text))
		}
	}
	if strings.Join(marked, "\n") != strings.Join(lines, "\n") {
		t.Errorf("marked are %q, want %q", marked, lines)
	}
}

// wrongDockerfile: mistakes in it are build errors without an exit code.
func wrongDockerfile(t *testing.T, b BuilderUnderTest) {
	for _, c := range []struct {
		name, says, marked string
		lines              []string
		target             string
	}{
		{"instruction", "unknown instruction", "FORM x", []string{"FROM scratch", "FORM x"}, ""},
		{"option", "unknown flag", "COPY --nope=1 a b", []string{"FROM scratch", "COPY --nope=1 a b"}, ""},
		{"missing file", "/missing", "COPY missing /", []string{"FROM scratch", "COPY here /", "COPY missing /"}, ""},
		{"target", "nope", "", []string{"FROM scratch"}, "nope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := b.request(c.lines...)
			req.Target, req.Files = c.target, sources(t, map[string]string{"here": ""})
			_, _, err := b.try(t.Context(), t, req)
			failed := wantBuildError(t, err)
			if failed.ExitCode != 0 || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %q with exit code %d, want %q and 0", err, failed.ExitCode, c.says)
			}
			if c.marked != "" {
				wantExcerpt(t, failed.Excerpt, fmt.Sprintf("app/Dockerfile:%d", len(c.lines)), c.marked)
			}
		})
	}
}

// endless is a build that does not end by itself, and began which is closed
// once it waits.
func (b BuilderUnderTest) endless(name string) (req *executor.BuildRequest, began chan struct{}, watch func(executor.Progress)) {
	began = make(chan struct{})
	told := false
	return b.request("FROM "+baseName, "RUN echo waiting for "+name, "RUN sleep 3600"), began, func(p executor.Progress) {
		if !told && p.Vertex != nil && strings.Contains(p.Vertex.Name, "sleep") && p.Vertex.Started {
			told = true
			close(began)
		}
	}
}

// cancelledBuildEnds, with the error of the context. The builder is good for
// another build.
func cancelledBuildEnds(t *testing.T, b BuilderUnderTest) {
	before := b.digests(t)
	req, began, watch := b.endless("a signal")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-began
		cancel()
	}()
	_, _, err := b.try(ctx, t, req, watch)
	var failed *executor.BuildError
	if !errors.Is(err, context.Canceled) || executor.Transient(err) || errors.As(err, &failed) {
		t.Errorf("error is %v (%T), want that of the context and nothing to try again", err, err)
	}
	if after := b.digests(t); len(after) != len(before) {
		t.Errorf("the store had %d blobs and has %d", len(before), len(after))
	}
	b.build(t, b.request("FROM "+baseName, "RUN echo 1 > /one"))
}

func cancelledBeforeItBegins(t *testing.T, b BuilderUnderTest) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.try(ctx, t, b.request("FROM scratch", "LABEL a=b")); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want that of the context", err)
	}
}

// lostConnectionIsTemporary, for every build that ran over it; and the next
// build gets a new one.
func lostConnectionIsTemporary(t *testing.T, b BuilderUnderTest) {
	const builds = 3
	var all errgroup.Group
	started := make(chan struct{}, builds)
	for i := range builds {
		req, began, watch := b.endless(fmt.Sprint("build ", i))
		go func() {
			<-began
			started <- struct{}{}
		}()
		all.Go(func() error {
			_, _, err := b.try(t.Context(), t, req, watch)
			if !executor.Transient(err) || errors.Is(err, context.Canceled) {
				return fmt.Errorf("build %d: error is %w (%T), want a transient one", i, err, err)
			}
			return nil
		})
	}
	for range builds {
		<-started
	}
	b.Disconnect()
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	b.build(t, b.request("FROM "+baseName, "RUN echo 1 > /one"))
}

// progressTellsOfASuccess: each instruction starts and completes, and its
// output comes under its name, by stream.
func progressTellsOfASuccess(t *testing.T, b BuilderUnderTest) {
	req := b.request("FROM "+baseName, "RUN echo to stdout && echo to stderr >&2", "RUN echo more")
	_, told, err := b.try(t.Context(), t, req)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ instruction, stdout, stderr string }{
		{"RUN echo to stdout", "to stdout\n", "to stderr\n"}, {"RUN echo more", "more\n", ""},
	} {
		found := told.vertices(want.instruction)
		if len(found) != 1 || !found[0].Started || !found[0].Completed || found[0].Error != "" {
			t.Errorf("%s is %+v, want one that has completed", want.instruction, found)
			continue
		}
		if out, err := told.logs(found[0].Name, false), told.logs(found[0].Name, true); out != want.stdout || err != want.stderr {
			t.Errorf("%s wrote %q and %q, want %q and %q", want.instruction, out, err, want.stdout, want.stderr)
		}
	}
}

// progressTellsOfAFailure: the error's Step is the name of the instruction
// that has an error, and what comes after it does not start.
func progressTellsOfAFailure(t *testing.T, b BuilderUnderTest) {
	req := b.request("FROM "+baseName, "RUN echo last words && exit 3", "RUN echo never")
	_, told, err := b.try(t.Context(), t, req)
	failed := wantBuildError(t, err)
	found := told.vertices("last words")
	if len(found) != 1 || found[0].Error == "" || found[0].Name != failed.Step {
		t.Errorf("the instructions are %+v, the step is %q: want it to be the one that failed", found, failed.Step)
	}
	if got := told.logs(failed.Step, false); got != "last words\n" {
		t.Errorf("output is %q", got)
	}
	for _, v := range told.vertices("never") {
		if v.Started {
			t.Errorf("%s started", v.Name)
		}
	}
}

// buildsAtOnce: builds do not mix: each has its files, arguments and secrets,
// though they go by the same names.
func buildsAtOnce(t *testing.T, b BuilderUnderTest) {
	var all errgroup.Group
	for i := range 8 {
		req := b.request("FROM "+baseName, "ARG N", "COPY file /file",
			"RUN --mount=type=secret,id=token echo build-$N && sha256sum /run/secrets/token > /sum && cat /file > /copy")
		content, secret := fmt.Sprint("content ", i), fmt.Sprint("secret ", i)
		req.Files = sources(t, map[string]string{"file": content})
		req.Args = map[string]string{"N": fmt.Sprint(i)}
		req.Secrets = []executor.Secret{{ID: "token", Value: func() ([]byte, error) { return []byte(secret), nil }}}
		all.Go(func() error {
			result, told, err := b.try(t.Context(), t, req)
			if err != nil {
				return err
			}
			b.wantFile(t, result.Manifest, "copy", content)
			b.wantFile(t, result.Manifest, "sum", digest.FromString(secret).Encoded()+"  /run/secrets/token\n")
			found := told.vertices("RUN")
			if len(found) != 1 || told.logs(found[0].Name, false) != fmt.Sprintf("build-%d\n", i) {
				t.Errorf("build %d was told of\n%s", i, told.output())
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
}
