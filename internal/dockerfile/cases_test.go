package dockerfile_test

import (
	"strings"

	"github.com/stowage-build/stowage/planner"
)

// testCase is a Dockerfile and how it is built.
type testCase struct {
	content string
	opts    planner.AnalyzeOptions
}

// cases are Dockerfiles that both must read alike.
var cases = map[string]testCase{
	"frontend":                  {content: "# syntax=ghcr.io/acme/frontend:1\nFROM alpine\n"},
	"built-in frontend":         {content: "# syntax=docker/dockerfile:1\nFROM alpine\n"},
	"one stage":                 {content: "FROM alpine:3.20\n"},
	"scratch":                   {content: "FROM scratch\nCOPY a b\n"},
	"lower case":                {content: "from alpine as x\nfrom x\n"},
	"global argument":           {content: "ARG V=3.20\nFROM alpine:${V}\n"},
	"global argument given":     {content: "ARG V=3.20\nFROM alpine:${V}\n", opts: planner.AnalyzeOptions{Args: map[string]string{"V": "edge"}}},
	"argument of an argument":   {content: "ARG A=x\nARG B=${A}/y\nFROM ${B}\n"},
	"default in the name":       {content: "ARG V\nFROM alpine:${V:-3.19}\n"},
	"alternative in the name":   {content: "ARG V=1\nFROM alpine${V:+:edge}\n"},
	"empty argument":            {content: "ARG V=\nFROM alpine:${V:-3.19}\n"},
	"argument after FROM":       {content: "ARG V=1\nFROM alpine:$V AS a\nARG V=2\nFROM busybox:$V\n"},
	"no value":                  {content: "ARG V\nFROM $V\n"},
	"undeclared argument":       {content: "FROM $V\n", opts: planner.AnalyzeOptions{Args: map[string]string{"V": "alpine"}}},
	"quoted default":            {content: "ARG V=\"3.20\"\nFROM alpine:$V\n"},
	"escape directive":          {content: "# escape=`\nARG V=1\nFROM alpine:$V\nRUN a `\n b\n"},
	"stages":                    {content: "FROM golang AS build\nFROM alpine\nCOPY --from=build /a /a\n"},
	"unreached stage":           {content: "FROM golang AS build\nFROM alpine\n"},
	"target":                    {content: "FROM golang AS build\nFROM alpine AS run\nFROM busybox AS test\n", opts: planner.AnalyzeOptions{Target: "run"}},
	"target in other case":      {content: "FROM golang AS Build\nFROM alpine\n", opts: planner.AnalyzeOptions{Target: "bUILD"}},
	"target is missing":         {content: "FROM golang AS build\n", opts: planner.AnalyzeOptions{Target: "biuld"}},
	"base is a stage":           {content: "FROM golang AS a\nFROM a AS b\nFROM b\n"},
	"base in other case":        {content: "FROM golang AS Base\nFROM Base\n"},
	"stage hides image":         {content: "FROM busybox AS alpine\nFROM alpine\n"},
	"stage named as its base":   {content: "FROM alpine AS alpine\nFROM alpine\n"},
	"later stage is an image":   {content: "FROM later\nFROM busybox AS later\nFROM scratch\nCOPY --from=0 / /\n"},
	"same name twice":           {content: "FROM alpine AS a\nFROM busybox AS a\nFROM a\n"},
	"copy from image":           {content: "FROM scratch\nCOPY --from=nginx:1.27 /etc /etc\n"},
	"copy from number":          {content: "FROM golang\nFROM alpine\nCOPY --from=0 /a /a\n"},
	"copy from number too high": {content: "FROM alpine\nCOPY --from=7 /a /a\n"},
	"copy from in other case":   {content: "FROM golang AS build\nFROM scratch\nCOPY --from=BUILD /a /a\n"},
	"copy from variable":        {content: "ARG X=nginx\nFROM scratch\nARG X\nCOPY --from=$X /a /a\n"},
	"copy from scratch":         {content: "FROM alpine\nCOPY --from=scratch / /\n"},
	"mount from image":          {content: "FROM alpine\nRUN --mount=from=nginx,target=/n ls\n"},
	"mount from stage":          {content: "FROM golang AS build\nFROM alpine\nRUN --mount=type=bind,from=build,target=/n ls\n"},
	"cache mount from image":    {content: "FROM alpine\nRUN --mount=type=cache,from=nginx,target=/n ls\n"},
	"mounts":                    {content: "FROM alpine\nRUN --mount=from=a,target=/a --mount=from=b,target=/b --mount=type=tmpfs,target=/t ls\n"},
	"build platform":            {content: "FROM --platform=$BUILDPLATFORM golang AS b\nFROM alpine\nCOPY --from=b /a /a\n"},
	"target platform":           {content: "FROM --platform=$TARGETPLATFORM alpine\n"},
	"literal platform":          {content: "FROM --platform=linux/s390x alpine\n"},
	"platform of an argument":   {content: "ARG P=linux/ppc64le\nFROM --platform=$P alpine\n"},
	"bad platform":              {content: "FROM --platform=what/is/this/thing alpine\n"},
	"empty platform":            {content: "ARG P\nFROM --platform=$P alpine\n"},
	"architecture in the name":  {content: "ARG TARGETARCH\nFROM alpine:${TARGETARCH}\n"},
	"image at two platforms":    {content: "FROM --platform=$BUILDPLATFORM alpine AS a\nFROM alpine\nCOPY --from=a /a /a\n"},
	"stage copied keeps its own": {
		content: "FROM --platform=$BUILDPLATFORM golang AS a\nFROM a AS b\nFROM scratch\nCOPY --from=b /x /x\n",
	},
	"registry":            {content: "FROM ghcr.io/acme/base:1\n"},
	"registry with port":  {content: "FROM localhost:5000/base\n"},
	"library":             {content: "FROM docker.io/library/alpine\n"},
	"digest":              {content: "FROM alpine@sha256:" + strings.Repeat("ab", 32) + "\n"},
	"tag and digest":      {content: "FROM alpine:3@sha256:" + strings.Repeat("ab", 32) + "\n"},
	"bad name":            {content: "FROM Alpine/UPPER\n"},
	"heredoc":             {content: "FROM alpine\nRUN <<EOF\nFROM nothing\nCOPY --from=nothing a b\nEOF\n"},
	"copy heredoc":        {content: "FROM alpine\nCOPY <<a <<b /x/\nFROM x\na\nFROM y\nb\n"},
	"onbuild in a stage":  {content: "FROM alpine AS a\nONBUILD RUN ls\nFROM busybox\n"},
	"unknown instruction": {content: "FROM alpine\nRUNN ls\n"},
	"no FROM":             {content: "ARG X=1\n"},
	"instruction first":   {content: "RUN ls\nFROM alpine\n"},
	"empty":               {content: "\n"},
	"comments":            {content: "# FROM a\nFROM alpine # not a comment\n"},
	"continued":           {content: "FROM \\\n  alpine \\\n  AS x\nFROM x\n"},
	"windows line ends":   {content: "FROM alpine AS a\r\nFROM scratch\r\nCOPY --from=a / /\r\n"},
	"byte order mark":     {content: "\ufeffFROM alpine\n"},
	"numeric stage name":  {content: "FROM alpine AS 1\nFROM scratch\nCOPY --from=1 / /\n"},
	"target stage":        {content: "ARG TARGETSTAGE\nFROM alpine:${TARGETSTAGE} AS x\n"},
}
