"use strict";
/**
 * A context store of Node-RED (API: nodered.org, "Context Store API") in Redis: a hash for each scope, values as JSON.
 * None is in the registry that does it, and a query must work on any store that keeps to the API.
 */
const { Redis } = require("ioredis");

class RedisContext {
  constructor({ port }) {
    // A store must answer: nothing is kept back for a server that may come back.
    this.redis = new Redis({ host: "127.0.0.1", port, lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 1, retryStrategy: () => 200 });
    this.redis.on("error", () => undefined);
  }

  open() {
    return this.redis.connect();
  }

  async close() {
    this.redis.disconnect();
  }

  get(scope, key, callback) {
    const keys = [key].flat();
    this.redis.hmget(scope, ...keys).then((values) => callback(null, ...values.map((value) => (value === null ? undefined : JSON.parse(value)))), callback);
  }

  set(scope, key, value, callback) {
    const keys = [key].flat();
    const values = Array.isArray(key) ? value : [value];
    const changes = this.redis.multi();
    keys.forEach((name, index) => (values[index] === undefined ? changes.hdel(scope, name) : changes.hset(scope, name, JSON.stringify(values[index]))));
    changes.exec().then(() => callback?.(null), (error) => callback?.(error));
  }

  keys(scope, callback) {
    this.redis.hkeys(scope).then((keys) => callback(null, keys), callback);
  }

  delete(scope) {
    return this.redis.del(scope);
  }

  async clean(activeNodes) {
    const active = new Set(["global", ...activeNodes]);
    const scopes = await this.redis.keys("*");
    await Promise.all(scopes.filter((scope) => !scope.split(":").some((id) => active.has(id))).map((scope) => this.redis.del(scope)));
  }
}

module.exports = (config) => new RedisContext(config);
