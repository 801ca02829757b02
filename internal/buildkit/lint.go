package buildkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"

	"github.com/stowage-build/stowage/executor"
)

var _ executor.Linter = (*Client)(nil)

// Lint checks a Dockerfile. See executor.Linter.
func (c *Client) Lint(ctx context.Context, req *executor.BuildRequest, absent []string) (*executor.Lint, error) {
	s, err := c.newSolve(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := s.addAbsent(absent); err != nil {
		return nil, err
	}
	ask := gateway.SolveRequest{Frontend: s.opt.Frontend, FrontendOpt: maps.Clone(s.opt.FrontendAttrs), FrontendInputs: map[string]*pb.Definition{}}
	ask.FrontendOpt["requestid"] = lint.RequestLint
	for name, state := range s.opt.FrontendInputs {
		def, err := state.Marshal(ctx)
		if err != nil {
			return nil, fmt.Errorf("lint %s: %w", req.DockerfileName, err)
		}
		ask.FrontendInputs[name] = def.ToPB()
	}
	s.opt.Exports, s.opt.CacheImports, s.opt.CacheExports, s.opt.FrontendInputs = nil, nil, nil, nil
	var answer []byte
	_, err = c.buildkit.Build(ctx, s.opt, "", func(ctx context.Context, g gateway.Client) (*gateway.Result, error) {
		res, err := g.Solve(ctx, ask)
		if err == nil {
			answer = res.Metadata["result.json"]
		}
		return gateway.NewResult(), err
	}, nil)
	if err := s.changed(); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, c.explain(ctx, s, err, &watcher{names: map[string]string{}})
	}
	return s.readLint(answer)
}

// addAbsent gives the frontend something in place of images that do not exist.
func (s *solve) addAbsent(names []string) error {
	for _, name := range names {
		key, err := contextName(name)
		if err != nil {
			return err
		}
		s.opt.FrontendInputs["absent"] = llb.Scratch().File(llb.Mkdir("/absent", 0o755))
		s.opt.FrontendAttrs["context:"+key] = "input:absent"
	}
	return nil
}

// readLint reads a frontend's answer.
func (s *solve) readLint(answer []byte) (*executor.Lint, error) {
	if len(answer) == 0 {
		return nil, errors.New("the Dockerfile's frontend does not check Dockerfiles")
	}
	var results lint.LintResults
	if err := json.Unmarshal(answer, &results); err != nil {
		return nil, fmt.Errorf("read what the frontend says of the Dockerfile: %w", err)
	}
	for _, source := range results.Sources {
		s.rename(source)
	}
	out := &executor.Lint{}
	for _, w := range results.Warnings {
		out.Warnings = append(out.Warnings, executor.LintWarning{
			Rule: w.RuleName, Description: w.Description, URL: w.URL, Detail: w.Detail, LintPlace: place(w.Location, results.Sources),
		})
	}
	if e := results.Error; e != nil {
		out.Error = &executor.LintError{Message: noise.ReplaceAllString(e.Message, ""), LintPlace: place(&e.Location, results.Sources)}
	}
	return out, nil
}

// place is where a frontend means.
func place(at *pb.Location, sources []*pb.SourceInfo) executor.LintPlace {
	var out executor.LintPlace
	if at == nil || len(at.Ranges) == 0 || at.SourceIndex < 0 || int(at.SourceIndex) >= len(sources) {
		return out
	}
	out.Line = int(at.Ranges[0].GetStart().GetLine())
	for _, r := range at.Ranges {
		out.Line = min(out.Line, int(r.GetStart().GetLine()))
		out.EndLine = max(out.EndLine, int(r.GetEnd().GetLine()))
	}
	source := errdefs.Source{Info: sources[at.SourceIndex], Ranges: at.Ranges}
	var text strings.Builder
	_ = source.Print(&text) // to memory
	out.Excerpt = strings.Trim(text.String(), "\n")
	return out
}
