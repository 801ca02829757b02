package layout_test

import (
	"slices"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/layout"
)

func TestCollectLeavesWhatIsInUse(t *testing.T) {
	dir := t.TempDir()
	image := putAs(t, dir, "r.test/a:1", "linux/amd64", "one")
	age(t, dir, "r.test/a:1", 48*time.Hour)
	old := layout.CollectOptions{OlderThan: time.Hour}

	user := open(t, dir)
	if desc, err := user.Resolve(t.Context(), "r.test/a:1"); err != nil || desc.Digest == "" {
		t.Fatal(desc, err)
	}
	if got := collect(t, dir, old); len(got.Images) != 0 || !slices.Equal(got.InUse, []string{"r.test/a:1"}) || got.Blobs != 0 {
		t.Errorf("collected %+v of what somebody uses", got)
	}
	remove(t, dir, "r.test/a:1")
	if got := collect(t, dir, old); got.Blobs != 0 {
		t.Errorf("collected %+v of what somebody looked up before it was removed", got)
	}
	if err := user.PutNode(t.Context(), executor.NodeEntry{Ref: "r.test/a:2", Hash: hash, Platform: "linux/amd64", BuildResult: image}); err != nil {
		t.Fatal(err)
	}
	if err := user.Close(); err != nil {
		t.Fatal(err)
	}
	collect(t, dir, layout.CollectOptions{})
	wantRefs(t, dir, "r.test/a:2")
}

func TestCollectLeavesBlobsOfTheLiving(t *testing.T) {
	data, desc := blob("some content")
	uses := map[string]func(t *testing.T, cs content.Store){
		"wrote it": func(t *testing.T, cs content.Store) {
			if err := cs.Delete(t.Context(), desc.Digest); err != nil {
				t.Fatal(err)
			}
			w := writer(t, cs, "r", desc)
			write(t, w, data)
			if err := w.Commit(t.Context(), desc.Size, desc.Digest); err != nil {
				t.Fatal(err)
			}
		},
		"wrote what was there": func(t *testing.T, cs content.Store) {
			w, err := cs.Writer(t.Context(), content.WithRef("r"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, w, data)
			if err := w.Commit(t.Context(), desc.Size, desc.Digest); !errdefs.IsAlreadyExists(err) {
				t.Fatal(err)
			}
		},
		"began to write it": func(t *testing.T, cs content.Store) {
			if _, err := cs.Writer(t.Context(), content.WithRef("r"), content.WithDescriptor(desc)); !errdefs.IsAlreadyExists(err) {
				t.Fatal(err)
			}
		},
		"asked for it": func(t *testing.T, cs content.Store) {
			if _, err := cs.Info(t.Context(), desc.Digest); err != nil {
				t.Fatal(err)
			}
		},
		"read it": func(t *testing.T, cs content.Store) {
			if _, err := content.ReadBlob(t.Context(), cs, desc); err != nil {
				t.Fatal(err)
			}
		},
		"labelled it": func(t *testing.T, cs content.Store) {
			if _, err := cs.Update(t.Context(), content.Info{Digest: desc.Digest}); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := open(t, dir)
			if err := (blobs{first}).WriteBlob(t.Context(), desc, data); err != nil {
				t.Fatal(err)
			}
			user := open(t, dir)
			use(t, user.Content())
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			if got := collect(t, dir, layout.CollectOptions{}); got.Blobs != 0 {
				t.Errorf("collected %+v while somebody relies on it", got)
			}
			if err := user.Close(); err != nil {
				t.Fatal(err)
			}
			if got := collect(t, dir, layout.CollectOptions{}); got.Blobs != 1 {
				t.Errorf("collected %+v after all are gone", got)
			}
		})
	}
}
