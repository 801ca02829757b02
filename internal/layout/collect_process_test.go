package layout_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/layout"
)

// churn puts images, of which there are few, into references, so that blobs
// keep becoming garbage and being of use again. What was put must be whole for
// as long as the store is open.
func churn(dir, platform string) error {
	ctx := context.Background()
	for {
		s, err := layout.Open(dir)
		if err != nil {
			return err
		}
		for range 5 {
			if err := churnOnce(ctx, s, platform); err != nil {
				return err
			}
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
}

func churnOnce(ctx context.Context, s *layout.Store, platform string) error {
	result, err := fake.WriteImage(ctx, blobs{s}, fake.ImageSpec{
		Platform: platform, Layers: []string{"shared", fmt.Sprint("some ", rand.IntN(3))}, Attestation: fmt.Sprint(rand.IntN(3)),
	})
	if err != nil {
		return err
	}
	ref := fmt.Sprintf("registry.test/app:%d", rand.IntN(2))
	if err := s.PutNode(ctx, executor.NodeEntry{Ref: ref, Hash: hash, Platform: platform, BuildResult: *result}); err != nil {
		return fmt.Errorf("what was just written is gone: %w", err)
	}
	image, err := s.Lookup(ctx, ref)
	if err == nil && (image == nil || image.Manifests[platform].Digest != result.Manifest.Digest) {
		err = fmt.Errorf("what was just put is %+v", image)
	}
	return err
}

// collectForever collects, by age too: all that nobody uses.
func collectForever(dir string) error {
	for {
		s, err := layout.Open(dir)
		if err != nil {
			return err
		}
		for range 5 {
			if _, err := s.Collect(context.Background(), layout.CollectOptions{OlderThan: time.Nanosecond}); err != nil {
				return err
			}
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
}

// verifyForever verifies what there is.
func verifyForever(dir string) error {
	for {
		s, err := layout.Open(dir)
		if err != nil {
			return err
		}
		problems, err := s.Verify(context.Background())
		if err != nil {
			return err
		}
		for _, p := range problems {
			if p.Fault != layout.FaultLeftover {
				return fmt.Errorf("the store is damaged: %s", p)
			}
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
}

// exportForever exports what there is, which must be all there.
func exportForever(dir string) error {
	for {
		s, err := layout.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(exportOnce(s), s.Close()); err != nil {
			return err
		}
	}
}

// exportOnce exports all images and reads the archive into another store.
func exportOnce(s *layout.Store) error {
	ctx := context.Background()
	var archive bytes.Buffer
	wrote, err := s.Export(ctx, &archive, []string{"*"}, layout.ExportOptions{Format: layout.FormatOCI})
	if err != nil {
		if strings.Contains(err.Error(), "the store has no image *") {
			return nil // all was collected
		}
		return err
	}
	dir, err := os.MkdirTemp("", "export")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	other, err := layout.Open(dir)
	if err != nil {
		return err
	}
	read, err := other.Import(ctx, &archive, layout.ImportOptions{})
	if err != nil {
		return fmt.Errorf("the archive is not complete: %w", err)
	}
	if !reflect.DeepEqual(read, wrote) {
		return fmt.Errorf("the archive has %+v, want %+v", read, wrote)
	}
	problems, err := other.Verify(ctx)
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("what was in the archive is damaged: %v", problems)
	}
	return errors.Join(err, other.Close())
}

// TestProcessesCollectWhileOthersWork has processes write, collect, verify and
// export on one store at once, and kills some all the time. Those that are not killed
// would end by themselves only with an error.
func TestProcessesCollectWhileOthersWork(t *testing.T) {
	dir := t.TempDir()
	jobs := [][2]string{
		{"linux/amd64", "churn"}, {"linux/arm64", "churn"}, {"linux/s390x", "churn"},
		{"", "collect"}, {"", "collect"}, {"", "verify"}, {"", "export"},
	}
	running := make([]*exec.Cmd, len(jobs))
	start := func(i int) { running[i], _ = hammering(t, dir, jobs[i][0], jobs[i][1]) }
	for i := range jobs {
		start(i)
	}
	end := func(i int) {
		_ = running[i].Process.Kill()
		if err := running[i].Wait(); err == nil || running[i].ProcessState.Exited() {
			t.Errorf("%v ended by itself: %v", jobs[i], err)
		}
	}
	for range 40 {
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		i := rand.IntN(len(jobs))
		end(i)
		start(i)
	}
	for i := range jobs {
		end(i)
	}
	wantValidIndexFile(t, dir)
	s := open(t, dir)
	if _, err := s.Collect(t.Context(), layout.CollectOptions{OlderThan: time.Nanosecond}); err != nil {
		t.Fatal(err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("nobody is left, and %d blobs are", len(left))
	}
}
