"""Fixup: how far the first weights of a residual branch are scaled down."""


def fixup_scale(num_branches: int, num_layers: int) -> float:
    """Return ``num_branches ** (-1 / (2 * num_layers - 2))``.

    Parameters
    ----------
    num_branches : int
        L, the residual branches of the whole network.
    num_layers : int
        m, the weight layers of one branch. Its last starts at 0; the others, m − 1 of them, share
        the factor 1 / √L between them. A branch of one layer has none to scale: the factor is 1.

    Raises
    ------
    ValueError
        If there is no branch or no layer.

    References
    ----------
    Zhang, Dauphin & Ma (2019), "Fixup initialization", rule 2 of the initialization.
    """
    if num_branches < 1 or num_layers < 1:
        raise ValueError(
            f"expected at least one branch and one layer, got {num_branches} and {num_layers}; "
            "count the branches of the whole network and the weight layers of one of them"
        )
    return 1.0 if num_layers == 1 else num_branches ** (-1 / (2 * num_layers - 2))
