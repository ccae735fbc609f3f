module github.com/bedrock-grpc/bedrock-grpc/tests/deploy/orca

go 1.26.0

replace github.com/bedrock-grpc/bedrock-grpc/client/go => ../../../client/go

require (
	github.com/bedrock-grpc/bedrock-grpc/client/go v0.0.0
	github.com/cncf/xds/go v0.0.0-20260202195803-dba9d589def2
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/envoyproxy/protoc-gen-validate v1.3.3 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261110000943-09e21b237f2c // indirect
)
