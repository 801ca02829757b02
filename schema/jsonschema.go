package schema

import (
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// JSONSchema returns a JSON Schema (2020-12) of stowage.hcl.json, for editors:
// what blocks and attributes there are, and of which type, in HCL's JSON syntax
// (https://github.com/hashicorp/hcl/blob/main/json/spec.md). Every string may be
// a template.
func JSONSchema() ([]byte, error) {
	specs := blockSpecs()
	definitions := map[string]any{"locals": map[string]any{"type": "object"}}
	for name, s := range specs {
		body, err := s.jsonSchema(specs)
		if err != nil {
			return nil, err
		}
		definitions[name] = body
	}
	file, err := fileSpec.jsonSchema(specs)
	if err != nil {
		return nil, err
	}
	file["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	file["title"] = "stowage.hcl.json"
	file["$defs"] = definitions
	out, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the schema: %w", err)
	}
	return append(out, '\n'), nil
}

// blockSpecs are what blocks may have, all but locals, by type.
func blockSpecs() map[string]*bodySpec {
	return map[string]*bodySpec{
		"workspace": workspaceSpec, "variable": variableSpec, "validation": validationSpec, "package": packageSpec,
		"defaults": defaultsSpec, "platform": platformSpec, "source": sourceSpec, "secret": secretSpec, "archive": archiveSpec,
		"attest": attestSpec, "group": groupSpec, "builder": builderSpec, "tls": tlsSpec, "registry": registrySpec, "function": functionSpec,
		"output": outputSpec,
	}
}

// jsonSchema describes a body. specs are of all blocks.
func (s *bodySpec) jsonSchema(specs map[string]*bodySpec) (map[string]any, error) {
	properties := map[string]any{"//": map[string]any{"description": "a comment"}}
	for _, name := range s.attributes {
		t, ok := attributeTypes[name]
		if !ok {
			return nil, fmt.Errorf("attribute %s of %s has no type in the JSON Schema", name, s.where)
		}
		properties[name] = t()
	}
	for _, b := range s.blocks {
		if specs[b.Type] == nil && b.Type != "locals" {
			return nil, fmt.Errorf("block %s of %s is not in the JSON Schema", b.Type, s.where)
		}
		properties[b.Type] = blockSchema(b)
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}, nil
}

// blockSchema describes what stands under a block's name: a body for each label,
// and wherever there may be several, one or an array of them.
func blockSchema(b hcl.BlockHeaderSchema) map[string]any {
	inner := orArray(map[string]any{"$ref": "#/$defs/" + b.Type})
	for range b.LabelNames {
		inner = orArray(map[string]any{"type": "object", "additionalProperties": inner})
	}
	return inner
}

func orArray(one map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{one, map[string]any{"type": "array", "items": one}}}
}

// The types of attributes. A string stands for any type, by its template.
func textType() any   { return map[string]any{"type": []string{"string", "number"}} }
func boolType() any   { return map[string]any{"type": []string{"boolean", "string"}} }
func numberType() any { return map[string]any{"type": []string{"number", "string"}} }
func listType() any   { return map[string]any{"type": []string{"array", "string"}} }
func mapType() any    { return map[string]any{"type": []string{"object", "string"}} }
func anyType() any    { return map[string]any{} }

// attributeTypes are the types of attributes by name, whichever block they are
// in.
var attributeTypes = map[string]func() any{
	"name": textType, "registry": textType, "members": listType, "required_version": textType,
	"type": textType, "default": anyType, "description": textType, "sensitive": boolType, "env": textType,
	"condition": boolType, "error_message": textType,
	"for_each": anyType, "image": textType,
	"context": textType, "dockerfile": textType, "dockerfile_inline": textType, "target": textType, "platforms": listType,
	"args": mapType, "contexts": mapType, "depends_on": listType, "ssh": listType, "network": textType, "labels": mapType,
	"annotations": mapType, "tag": textType, "extra_tags": listType, "cache_from": listType, "cache_to": listType,
	"no_cache": boolType, "cache_mode": textType, "refresh": textType, "reproducible": boolType, "timeout": textType,
	"retries": numberType, "revision": textType, "pins": textType, "allow_outside": boolType, "shm_size": textType,
	"ulimits": anyType, "extra_hosts": anyType, "cgroup_parent": textType, "no_cache_stages": listType, "pull": boolType,
	"to": textType, "include": listType, "exclude": listType, "file": textType, "images": listType, "format": textType,
	"provenance": anyType, "sbom": anyType, "scanner": textType,
	"params": listType, "variadic_params": anyType, "result": anyType,
	"packages": listType, "endpoint": textType, "native": textType, "slots": numberType,
	"dest": textType, "ca": textType, "cert": textType, "key": textType, "server_name": textType,
	"insecure": boolType, "mirrors": listType, "max_requests_per_second": numberType,
}
