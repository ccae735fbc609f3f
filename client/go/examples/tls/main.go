// Command tls calls a gateway over TLS, with a client certificate, a token or an API key.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"os"

	bedrock "github.com/bedrock-grpc/bedrock-grpc/client/go"
)

func main() {
	authorities, config := x509.NewCertPool(), &tls.Config{MinVersion: tls.VersionTLS12}
	pem, err := os.ReadFile(os.Getenv("BEDROCK_GRPC_CA"))
	if err != nil || !authorities.AppendCertsFromPEM(pem) {
		log.Fatalf("BEDROCK_GRPC_CA names no file of certificates: %v", err)
	}
	config.RootCAs = authorities
	if file := os.Getenv("BEDROCK_GRPC_CERTIFICATE"); file != "" {
		certificate, err := tls.LoadX509KeyPair(file, os.Getenv("BEDROCK_GRPC_KEY"))
		if err != nil {
			log.Fatal(err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	options := []bedrock.Option{bedrock.WithTLS(config)}
	if token := os.Getenv("BEDROCK_GRPC_TOKEN"); token != "" {
		options = append(options, bedrock.WithToken(token))
	}
	if key := os.Getenv("BEDROCK_GRPC_API_KEY"); key != "" {
		options = append(options, bedrock.WithAPIKey(key))
	}
	client, err := bedrock.Connect(os.Getenv("BEDROCK_GRPC_TARGET"), options...)
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Converse(context.Background(), bedrock.Request("demo.model", bedrock.User(bedrock.Text("Hello"))))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text())
}
