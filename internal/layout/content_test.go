package layout_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// blob is some content and its descriptor.
func blob(text string) ([]byte, ocispec.Descriptor) {
	data := []byte(text)
	return data, ocispec.Descriptor{Digest: digest.FromBytes(data), Size: int64(len(data))}
}

func writer(t *testing.T, cs content.Store, ref string, desc ocispec.Descriptor) content.Writer {
	t.Helper()
	w, err := cs.Writer(t.Context(), content.WithRef(ref), content.WithDescriptor(desc))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func write(t *testing.T, w io.Writer, data []byte) {
	t.Helper()
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
}

// ingesting counts the half written files in the layout.
func ingesting(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(dir, "ingest"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) != ".lease" {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestContentWriteAndRead(t *testing.T) {
	dir := t.TempDir()
	cs := open(t, dir).Content()
	data, desc := blob("hello")
	if _, err := cs.Info(t.Context(), desc.Digest); !errdefs.IsNotFound(err) {
		t.Errorf("Info before writing: %v", err)
	}
	w := writer(t, cs, "r", desc)
	write(t, w, data[:2])
	if st, err := cs.Status(t.Context(), "r"); err != nil || st.Offset != 2 || st.Total != 5 || st.Expected != desc.Digest {
		t.Errorf("status is %+v, %v", st, err)
	}
	if got := w.Digest(); got != digest.FromBytes(data[:2]) {
		t.Errorf("digest so far is %s", got)
	}
	write(t, w, data[2:])
	if _, err := cs.Info(t.Context(), desc.Digest); !errdefs.IsNotFound(err) {
		t.Errorf("Info before commit: %v", err)
	}
	if err := w.Commit(t.Context(), desc.Size, desc.Digest, content.WithLabels(map[string]string{"k": "v"})); err != nil {
		t.Fatal(err)
	}
	info, err := cs.Info(t.Context(), desc.Digest)
	if err != nil || info.Size != 5 || info.Labels["k"] != "v" || info.CreatedAt.IsZero() {
		t.Errorf("info is %+v, %v", info, err)
	}
	if got, err := content.ReadBlob(t.Context(), cs, desc); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %q, %v", got, err)
	}
	if w.Digest() != desc.Digest {
		t.Errorf("digest after commit is %s", w.Digest())
	}
	if n := ingesting(t, dir); n != 0 {
		t.Errorf("%d half written files are left", n)
	}
	if st, err := os.Stat(filepath.Join(dir, "blobs/sha256", desc.Digest.Encoded())); err != nil || st.Mode().Perm() != 0o444 {
		t.Errorf("the blob's file is %v, %v; want mode 0444", st, err)
	}
}

func TestContentAlreadyExists(t *testing.T) {
	dir := t.TempDir()
	cs := open(t, dir).Content()
	data, desc := blob("hello")
	early := writer(t, cs, "early", desc)
	write(t, early, data)
	anonymous := writer(t, cs, "anonymous", ocispec.Descriptor{})
	write(t, anonymous, data)
	if err := content.WriteBlob(t.Context(), cs, "r", bytes.NewReader(data), desc); err != nil {
		t.Fatal(err)
	}
	if _, err := cs.Writer(t.Context(), content.WithRef("late"), content.WithDescriptor(desc)); !errdefs.IsAlreadyExists(err) {
		t.Errorf("a writer for a blob that is there gives %v", err)
	}
	if err := early.Commit(t.Context(), desc.Size, desc.Digest); !errdefs.IsAlreadyExists(err) {
		t.Errorf("a second commit gives %v", err)
	}
	if err := anonymous.Commit(t.Context(), 0, ""); !errdefs.IsAlreadyExists(err) {
		t.Errorf("a commit with nothing expected gives %v", err)
	}
	if n := ingesting(t, dir); n != 0 {
		t.Errorf("%d half written files are left", n)
	}
}

func TestContentCommitVerifies(t *testing.T) {
	dir := t.TempDir()
	cs := open(t, dir).Content()
	_, desc := blob("hello")
	for name, commit := range map[string]func(w content.Writer) error{
		"other digest": func(w content.Writer) error { return w.Commit(t.Context(), 0, desc.Digest) },
		"other size":   func(w content.Writer) error { return w.Commit(t.Context(), 4, "") },
	} {
		w := writer(t, cs, name, ocispec.Descriptor{})
		write(t, w, []byte("jello"))
		if err := commit(w); !errdefs.IsFailedPrecondition(err) {
			t.Errorf("%s: error is %v, want ErrFailedPrecondition", name, err)
		}
		if err := w.Commit(t.Context(), 0, ""); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: a second commit gives %v", name, err)
		}
	}
	if n := ingesting(t, dir); n != 0 {
		t.Errorf("%d half written files are left", n)
	}
	if err := cs.Walk(t.Context(), func(info content.Info) error {
		t.Errorf("%s got into the store", info.Digest)
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestContentResumes(t *testing.T) {
	cs := open(t, t.TempDir()).Content()
	data, desc := blob("hello, world")
	w := writer(t, cs, "r", desc)
	write(t, w, data[:7])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("writing to a closed writer gives %v", err)
	}
	w = writer(t, cs, "r", desc)
	st, err := w.Status()
	if err != nil || st.Offset != 7 {
		t.Fatalf("status is %+v, %v; want offset 7", st, err)
	}
	if err := w.Truncate(5); err != nil {
		t.Fatal(err)
	}
	write(t, w, data[5:])
	if err := w.Commit(t.Context(), desc.Size, desc.Digest); err != nil {
		t.Fatal(err)
	}
}

func TestContentResumeIsForTheSameBlob(t *testing.T) {
	cs := open(t, t.TempDir()).Content()
	_, one := blob("hello, world")
	w := writer(t, cs, "r", one)
	write(t, w, []byte("hello"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, two := blob("other")
	st, err := writer(t, cs, "r", two).Status()
	if err != nil || st.Offset != 0 {
		t.Errorf("status is %+v, %v; want to begin anew", st, err)
	}
}

func TestContentAbort(t *testing.T) {
	dir := t.TempDir()
	cs := open(t, dir).Content()
	data, desc := blob("hello")
	if err := cs.Abort(t.Context(), "r"); !errdefs.IsNotFound(err) {
		t.Errorf("aborting nothing gives %v", err)
	}
	w := writer(t, cs, "r", desc)
	write(t, w, data[:2])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if sts, err := cs.ListStatuses(t.Context(), "ref==r"); err != nil || len(sts) != 1 {
		t.Errorf("statuses are %v, %v", sts, err)
	}
	if sts, err := cs.ListStatuses(t.Context(), "ref==other"); err != nil || len(sts) != 0 {
		t.Errorf("statuses of another ref are %v, %v", sts, err)
	}
	if err := cs.Abort(t.Context(), "r"); err != nil {
		t.Fatal(err)
	}
	if n := ingesting(t, dir); n != 0 {
		t.Errorf("%d half written files are left", n)
	}
	if _, err := cs.Status(t.Context(), "r"); !errdefs.IsNotFound(err) {
		t.Errorf("status after abort: %v", err)
	}
}

// The BuildKit session server aborts the ref when it finds that another build
// has written the blob. A third one that is still writing must not notice.
func TestContentAbortLeavesOpenWriters(t *testing.T) {
	cs := open(t, t.TempDir()).Content()
	data, desc := blob("hello")
	w := writer(t, cs, "r", desc)
	write(t, w, data[:2])
	if err := cs.Abort(t.Context(), "r"); err != nil {
		t.Fatal(err)
	}
	write(t, w, data[2:])
	if err := w.Commit(t.Context(), desc.Size, desc.Digest); err != nil {
		t.Fatal(err)
	}
}

func TestContentSameRefAtOnce(t *testing.T) {
	cs := open(t, t.TempDir()).Content()
	data := make([]byte, 1<<20)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	desc := ocispec.Descriptor{Digest: digest.FromBytes(data), Size: int64(len(data))}
	var g errgroup.Group
	for range 16 {
		g.Go(func() error {
			return content.WriteBlob(context.Background(), cs, "layer-"+desc.Digest.String(), bytes.NewReader(data), desc)
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, err := content.ReadBlob(t.Context(), cs, desc); err != nil || !bytes.Equal(got, data) {
		t.Errorf("content differs: %v", err)
	}
}

func TestContentHealsWrongSize(t *testing.T) {
	s := open(t, t.TempDir())
	cs := s.Content()
	data, desc := blob("hello")
	if err := content.WriteBlob(t.Context(), cs, "r", bytes.NewReader(data), desc); err != nil {
		t.Fatal(err)
	}
	truncate(t, blobs{s}.path(desc.Digest), 3)

	if _, err := cs.ReaderAt(t.Context(), desc); !errdefs.IsNotFound(err) {
		t.Errorf("reading a truncated blob gives %v", err)
	}
	w := writer(t, cs, "r", desc)
	// BuildKit's session server asks between writes; a yes would end them.
	if _, err := cs.Info(t.Context(), desc.Digest); !errdefs.IsNotFound(err) {
		t.Errorf("Info of a truncated blob gives %v", err)
	}
	write(t, w, data)
	if err := w.Commit(t.Context(), desc.Size, desc.Digest); err != nil {
		t.Fatal(err)
	}
	if got, err := content.ReadBlob(t.Context(), cs, desc); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := cs.Info(t.Context(), desc.Digest); err != nil {
		t.Error(err)
	}
}

// truncate damages a blob, which is not writable.
func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func TestContentWalkDeleteUpdate(t *testing.T) {
	cs := open(t, t.TempDir()).Content()
	var want []digest.Digest
	for _, text := range []string{"one", "two", "three"} {
		data, desc := blob(text)
		if err := content.WriteBlob(t.Context(), cs, text, bytes.NewReader(data), desc, content.WithLabels(map[string]string{"text": text})); err != nil {
			t.Fatal(err)
		}
		want = append(want, desc.Digest)
	}
	slices.Sort(want)
	walk := func(filters ...string) (got []digest.Digest) {
		err := cs.Walk(t.Context(), func(info content.Info) error {
			got = append(got, info.Digest)
			return nil
		}, filters...)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := walk(); !slices.Equal(got, want) {
		t.Errorf("walked %v, want %v", got, want)
	}
	_, two := blob("two")
	if got := walk("labels.text==two"); !slices.Equal(got, []digest.Digest{two.Digest}) {
		t.Errorf("walked %v, want only %s", got, two.Digest)
	}
	before := time.Now()
	info, err := cs.Update(t.Context(), content.Info{Digest: two.Digest, Labels: map[string]string{"a": "b", "x": "y"}}, "labels.a", "labels.text")
	if err != nil || len(info.Labels) != 1 || info.Labels["a"] != "b" || info.UpdatedAt.Before(before) {
		t.Errorf("updated to %+v, %v", info, err)
	}
	if _, err := cs.Update(t.Context(), content.Info{Digest: two.Digest}, "size"); !errdefs.IsInvalidArgument(err) {
		t.Errorf("updating the size gives %v", err)
	}
	if err := cs.Delete(t.Context(), two.Digest); err != nil {
		t.Fatal(err)
	}
	if err := cs.Delete(t.Context(), two.Digest); !errdefs.IsNotFound(err) {
		t.Errorf("deleting again gives %v", err)
	}
	if len(walk()) != 2 {
		t.Error("the deleted blob is still there")
	}
}

func TestContentRefusesBadDigests(t *testing.T) {
	cs := open(t, t.TempDir()).Content()
	upper := digest.Digest("sha256:" + strings.Repeat("A", 64))
	for _, d := range []digest.Digest{"", "sha256:../../../etc/passwd", "sha256:abc", upper, "x", digest.NewDigestFromEncoded(digest.SHA512, strings.Repeat("0", 128))} {
		if _, err := cs.Info(t.Context(), d); !errdefs.IsInvalidArgument(err) {
			t.Errorf("Info of %q gives %v", d, err)
		}
		if _, err := cs.ReaderAt(t.Context(), ocispec.Descriptor{Digest: d}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("ReaderAt of %q gives %v", d, err)
		}
		if err := cs.Delete(t.Context(), d); !errdefs.IsInvalidArgument(err) {
			t.Errorf("Delete of %q gives %v", d, err)
		}
	}
	if _, err := cs.Writer(t.Context()); !errdefs.IsInvalidArgument(err) {
		t.Errorf("a writer without a ref gives %v", err)
	}
}

func TestCloseRemovesHalfWritten(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	w := writer(t, s.Content(), "open", ocispec.Descriptor{})
	write(t, w, []byte("hello"))
	parked := writer(t, s.Content(), "parked", ocispec.Descriptor{})
	write(t, parked, []byte("hello"))
	if err := parked.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "ingest"))
	if err != nil || len(entries) != 0 {
		t.Errorf("left are %v, %v", entries, err)
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("writing after Close gives %v", err)
	}
}
