package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// writeMetadata writes the file of --metadata-file.
func (e *env) writeMetadata(ctx context.Context, ws *stowage.Workspace, plan *planner.Plan, result *executor.Result, path string) error {
	metadata, err := ws.Metadata(context.WithoutCancel(ctx), plan, result)
	if err != nil {
		return fmt.Errorf("--metadata-file: %w", err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(metadata); err != nil {
		return fmt.Errorf("--metadata-file: %w", err)
	}
	if err := os.WriteFile(e.path(path), b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("--metadata-file: %w", err)
	}
	return nil
}
