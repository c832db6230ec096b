-- Argo CD's health check for inference.tidegate.dev/InferenceService. Without one, Argo CD calls every object healthy
-- as soon as it exists. How to install it: docs/guides/gitops.md.

-- Reasons of Ready that do not pass by waiting for the model to load.
local broken = {
  NoReadyPods = true,
  PodsRefused = true,
  ImagePullFailing = true,
  ContainerNotCreated = true,
  Crashing = true,
}

local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready, valid = conditions.Ready, conditions.SpecValid

if ready == nil or status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "waiting for Tidegate to look at this version of the spec" }
end
if valid ~= nil and valid.status == "False" then
  return { status = "Degraded", message = valid.reason .. ": " .. valid.message }
end

local health = "Progressing"
if ready.status == "True" then -- Asleep on purpose is ready, too.
  health = "Healthy"
elseif ready.reason == "PinnedAtZero" then -- A person switched it off.
  health = "Suspended"
elseif broken[ready.reason] then
  health = "Degraded"
end
return { status = health, message = ready.reason .. ": " .. ready.message }
