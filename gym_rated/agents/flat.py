"""All parameters of an agent in one tensor: one call of an optimiser in the place of one for each.

For small networks the calls cost more than the sums. Parameters and their gradients stay what they
are, as views of the two long vectors.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


def flatten_parameters(module: nn.Module) -> nn.Parameter:
    """Move the parameters of a module into one vector, and give them gradients that are views too.

    Hand the vector alone to the optimiser. Gradients must be set to zero, not to None:
    `optimizer.zero_grad(set_to_none=False)`.

    Args:
        module: Its parameters are of one type and on one device, and are not moved afterwards.

    Returns:
        The vector, in the order of `module.parameters()`.
    """
    parameters = list(module.parameters())
    flat = nn.Parameter(nn.utils.parameters_to_vector(parameters).detach().clone())
    flat.grad = torch.zeros_like(flat)
    nn.utils.vector_to_parameters(flat.detach(), parameters)
    sizes = [parameter.numel() for parameter in parameters]
    for parameter, gradient in zip(parameters, torch.split(flat.grad, sizes), strict=True):
        parameter.grad = gradient.view_as(parameter)
    return flat


def flat_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of an optimiser of many parameters as that of one over their vector.

    Args:
        state: `state_dict` of an Adam with one group; one that is flat stays as it is.
    """
    (group,), moments = state["param_groups"], state["state"]
    if len(group["params"]) == 1 or not moments:
        return {"param_groups": [{**group, "params": [0]}], "state": dict(moments)}
    each = [moments[index] for index in group["params"]]
    joined: dict[str, Any] = {"step": each[0]["step"].clone()}
    for name in each[0].keys() - {"step"}:
        joined[name] = torch.cat([moment[name].flatten() for moment in each])
    return {"param_groups": [{**group, "params": [0]}], "state": {0: joined}}
