package buildkit

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/solver/pb"

	"github.com/stowage-build/stowage/executor"
)

// surroundingAttrs are the frontend's options for what instructions run in,
// and for what is taken from caches.
func surroundingAttrs(req *executor.BuildRequest) map[string]string {
	attrs := map[string]string{}
	if req.Network == "none" || req.Network == "host" {
		attrs["force-network-mode"] = req.Network
	}
	if req.ShmSize > 0 {
		attrs["shm-size"] = strconv.FormatInt(req.ShmSize, 10)
	}
	if len(req.Ulimits) > 0 {
		attrs["ulimit"] = strings.Join(req.Ulimits, ",")
	}
	if len(req.ExtraHosts) > 0 {
		var hosts []string
		for _, name := range slices.Sorted(maps.Keys(req.ExtraHosts)) {
			hosts = append(hosts, name+"="+req.ExtraHosts[name])
		}
		attrs["add-hosts"] = strings.Join(hosts, ",")
	}
	if req.CgroupParent != "" {
		attrs["cgroup-parent"] = req.CgroupParent
	}
	switch {
	case req.NoCache:
		attrs["no-cache"] = ""
	case len(req.NoCacheStages) > 0:
		attrs["no-cache"] = strings.Join(req.NoCacheStages, ",")
	}
	if req.Pull {
		attrs["image-resolve-mode"] = pb.AttrImageResolveModeForcePull
	}
	return attrs
}

// checkStages reports names of stages that the Dockerfile does not have, which
// the frontend would pass over. It says what is wrong with a Dockerfile itself.
func checkStages(req *executor.BuildRequest) error {
	if len(req.NoCacheStages) == 0 {
		return nil
	}
	parsed, err := parser.Parse(bytes.NewReader(req.Dockerfile))
	if err != nil {
		return nil
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil
	}
	var names []string
	for _, s := range stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	for _, name := range req.NoCacheStages {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			err := fmt.Errorf("no_cache_stages: %s has no stage %q; its named stages are %q", req.DockerfileName, name, names)
			return &executor.BuildError{Err: err}
		}
	}
	return nil
}
