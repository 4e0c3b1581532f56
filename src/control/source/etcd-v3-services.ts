/**
 * The services of etcd v3 for gRPC, made of the protocol files that the etcd3 package has. That package makes them as well, with
 * descriptors of every message for whoever asks for these, which nobody does: a third of what the main thread had to do until the
 * first route. So of it only the clients (`etcd3/lib/rpc.js`) and errors (`etcd3/lib/errors.js`) are loaded, and messages are
 * written and read by what it would use itself.
 */
import { readFileSync } from 'node:fs';
// Channels and clients must come from one copy of grpc-js.
import grpc from '@grpc/grpc-js';
import type { Services } from 'etcd3';
// What grpc's own loader is made of: by far the quickest way from protocol files to codecs.
import protobuf from 'protobufjs';

export type ServiceName = keyof typeof Services;

const FILES = [
  new URL('../../../node_modules/etcd3/proto/auth.proto', import.meta.url),
  new URL('../../../node_modules/etcd3/proto/kv.proto', import.meta.url),
  new URL('../../../node_modules/etcd3/proto/rpc.proto', import.meta.url),
];
/** As the types of etcd3 have them: numbers of 64 bits as text, and every field, be it absent. */
const AS_TYPED: protobuf.IConversionOptions = { longs: String, enums: String, defaults: true, oneofs: true };

let root: protobuf.Root | null = null;
const constructors = new Map<ServiceName, grpc.ServiceClientConstructor>();

function protocol(): protobuf.Root {
  if (root !== null) return root;
  root = new protobuf.Root();
  for (const file of FILES) protobuf.parse(readFileSync(file, 'utf8'), root, { keepCase: true });
  return root;
}

function codec(
  type: protobuf.Type,
): Pick<grpc.MethodDefinition<object, object>, 'requestSerialize' | 'responseDeserialize'> {
  return {
    requestSerialize: (message) => type.encode(type.fromObject(message)).finish() as Buffer,
    responseDeserialize: (bytes) => type.toObject(type.decode(bytes), AS_TYPED),
  };
}

function methodsOf(service: protobuf.Service): grpc.ServiceDefinition {
  const methods: Record<string, grpc.MethodDefinition<object, object>> = {};
  for (const {
    name,
    requestType,
    responseType,
    requestStream = false,
    responseStream = false,
  } of service.methodsArray) {
    const { requestSerialize, responseDeserialize: requestDeserialize } = codec(service.lookupType(requestType));
    const { requestSerialize: responseSerialize, responseDeserialize } = codec(service.lookupType(responseType));
    methods[name] = {
      path: `/${service.fullName.slice(1)}/${name}`,
      // By which the clients of etcd3 call it.
      originalName: name[0]!.toLowerCase() + name.slice(1),
      ...{ requestStream, responseStream },
      ...{ requestSerialize, requestDeserialize, responseSerialize, responseDeserialize },
    };
  }
  return methods;
}

/** `etcdserverpb.KV` and the like: its constructor has the definition of each of its methods. */
export function serviceConstructor(name: ServiceName): grpc.ServiceClientConstructor {
  const known = constructors.get(name);
  if (known !== undefined) return known;
  const service = protocol().lookupService(`etcdserverpb.${name}`);
  const made = grpc.makeClientConstructor(methodsOf(service), name);
  constructors.set(name, made);
  return made;
}
